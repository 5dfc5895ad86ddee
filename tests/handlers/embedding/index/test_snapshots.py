"""Guards indexes that outlive their process: nothing is linked twice, nothing is found that is gone, and no file hurts.

Parts are of a few blocks of a few rows, so that there are several files of a tenant's hundreds of rows.
"""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from redis import Redis

from broker.engine.keys import Keys
from broker.media.generations import Standing
from broker.media.vectors import RedisVectors
from broker.search.request import SearchRequest

np = pytest.importorskip("numpy", reason="needs the extra media")
pytest.importorskip("usearch", reason="needs the extra hnsw")
block = pytest.importorskip("handlers.embedding.index.block", reason="needs the extra media")
graph = pytest.importorskip("handlers.embedding.index.graph", reason="needs the extra hnsw")
graphs = pytest.importorskip("handlers.embedding.index.graphs", reason="needs the extra hnsw")
linking = pytest.importorskip("handlers.embedding.index.linking", reason="needs the extra hnsw")
links = pytest.importorskip("handlers.embedding.index.links", reason="needs the extra hnsw")
search = pytest.importorskip("handlers.embedding.search.searcher", reason="needs the extra light")
snapshots = pytest.importorskip("handlers.embedding.index.snapshots", reason="needs the extra hnsw")

DIMENSIONS, FILES = 24, 600
Open = Callable[..., Any]


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(block, "_BLOCK_ROWS", 50)
    monkeypatch.setattr(graphs, "_MOST_BLOCKS", 4)
    monkeypatch.setattr("handlers.embedding.index.index._SLICE", 20)


@pytest.fixture
def linked(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many rows were linked, again and again."""
    found: list[int] = []
    add = graph.Graph.add
    monkeypatch.setattr(
        graph.Graph, "add", lambda graph, keys, codes: (found.append(len(keys)), add(graph, keys, codes))
    )
    return found


def rows(count: int, seed: int = 7) -> Any:
    made = np.random.default_rng(seed).standard_normal((count, DIMENSIONS))
    return (made / np.linalg.norm(made, axis=1, keepdims=True)).astype("<f2")


@pytest.fixture
def put(redis: Redis, keys: Keys) -> Callable[..., list[str]]:
    """Puts files of a vector each, as an earlier release did, and answers their ids."""

    def put(made: Any, tenant: str = "acme", model: str = "m") -> list[str]:
        ids = [str(uuid4()) for _ in made]
        packed = {each: b"image 1\n" + row.tobytes() for each, row in zip(ids, made, strict=True)}
        redis.hset(keys.vectors(tenant, model), mapping=packed)
        redis.sadd(keys.vector_models(tenant), model)
        return ids

    return put


@pytest.fixture
def start(vectors: RedisVectors, tmp_path: Path) -> Iterator[Open]:
    """Starts a searcher that keeps its indexes in a folder, as a process does when it starts."""
    running: list[Any] = []

    def start(most_bytes: int = 10**9, folder: Path = tmp_path, **options: Any) -> Any:
        kept = snapshots.Snapshots.open(folder, most_bytes, linking.made_of())
        running.append(kept)
        made = search.Searcher(
            "m",
            lambda text: rows(1, int(text))[0].astype(np.float32),
            vectors,
            lambda tenant, ids: {each: search.Facts(0, 1, each, frozenset()) for each in ids},
            graphs_from=300,
            snapshots=kept,
            **options,
        )
        made.end = lambda: running.remove(kept) or kept.close()
        return made

    yield start
    for each in running:
        if each is not None:
            each.close()


def ready(searcher: Any, *tenants: str, model: str = "m") -> Any:
    """All its work done, for these tenants."""
    for tenant in tenants or ("acme",):
        while searcher.find(SearchRequest(tenant, "1")) is None:
            assert searcher.work()
        while searcher.work() or writing(searcher, tenant, model):
            pass
    return searcher


def writing(searcher: Any, tenant: str, model: str) -> bool:
    """Whether something was written until now."""
    kept = searcher._indexes._kept[tenant, model]._kept
    if kept is None or (writer := kept._all._writer) is None or not writer.is_alive():
        return False
    writer.join()
    return True


def hits(searcher: Any, number: int, tenant: str = "acme", **asked: Any) -> list[str]:
    found = None
    while found is None:
        found = searcher.find(SearchRequest(tenant, str(number), limit=20, **asked))
        searcher.work()
    return [hit.entity_id for hit in found.hits]


def both(searcher: Any) -> list[tuple[list[str], list[str]]]:
    """What some queries find by the index, and by the comparison with all."""
    return [(hits(searcher, number), hits(searcher, number, min_similarity=-1.0)) for number in range(8)]


def files(folder: Path) -> list[Path]:
    return sorted(folder.glob("*/*/*.npz"))


def graphs_of(searcher: Any) -> Any:
    return searcher._indexes._kept["acme", "m"]._matrices["image"].graphs


def test_a_process_that_starts_links_nothing_that_another_has_linked(
    start: Open, put: Callable[..., list[str]], linked: list[int], tmp_path: Path
) -> None:
    put(rows(FILES))
    first = ready(start())
    assert sum(linked) >= 500
    whole = len(graphs_of(first)._part_of)
    sampled = [len(graph._sample._keys) for part in graphs_of(first).parts for graph in part.graphs]
    assert sum(sampled) > 0
    assert len(files(tmp_path)) == len(graphs_of(first).parts) > 2
    expected = both(first)
    first.end()
    linked.clear()

    second = ready(start())
    assert linked == []
    assert len(graphs_of(second)._part_of) == whole
    assert [len(graph._sample._keys) for part in graphs_of(second).parts for graph in part.graphs] == sampled
    assert both(second) == expected
    assert sum(len(set(found) & set(exact)) for found, exact in expected) >= 0.95 * 8 * 20


def test_what_came_and_went_meanwhile_is_found_and_is_not(
    start: Open, put: Callable[..., list[str]], redis: Redis, keys: Keys, linked: list[int]
) -> None:
    ids = put(rows(FILES))
    ready(start()).end()
    linked.clear()
    gone, other = ids[0:600:12], ids[1:600:12]
    redis.hdel(keys.vectors("acme", "m"), *gone)
    moved = rows(len(other), 99)
    redis.hset(
        keys.vectors("acme", "m"),
        mapping={each: b"image 1\n" + row.tobytes() for each, row in zip(other, moved, strict=True)},
    )
    new = put(rows(30, 98))

    again = ready(start())
    assert 0 < sum(linked) <= 150
    known = set(ids) - set(gone) | set(new)
    for found, exact in both(again):
        assert set(found) <= known
        assert len(set(found) & set(exact)) >= 18
    everything = [each for page in range(5) for each in hits(again, page)]
    assert set(everything) & set(new)
    index = again._indexes._kept["acme", "m"]
    assert sorted(index.ids()) == sorted(known)


def test_what_has_lost_much_is_linked_anew(
    start: Open, put: Callable[..., list[str]], redis: Redis, keys: Keys, linked: list[int]
) -> None:
    ids = put(rows(FILES))
    ready(start()).end()
    linked.clear()
    redis.hdel(keys.vectors("acme", "m"), *ids[: FILES * 2 // 5])
    again = ready(start())
    assert sum(linked) > FILES * 3 // 5 - 100
    for found, exact in both(again):
        assert len(set(found) & set(exact)) >= 18


@pytest.mark.parametrize("which", ["few", "most", "a block"])
def test_what_goes_while_what_was_kept_is_taken_in_is_not_found(
    start: Open, put: Callable[..., list[str]], vectors: RedisVectors, linked: list[int], which: str
) -> None:
    ids = put(rows(FILES))
    ready(start()).end()
    linked.clear()
    again = start()
    while again.find(SearchRequest("acme", "1")) is None:
        again.work()
    for _ in range(4):
        assert again.work()
    blocks, adopted = again._indexes._kept["acme", "m"]._matrices["image"].blocks, graphs_of(again)._adopted
    first = blocks[min(adopted.numbers)]
    gone = set({"few": ids[:20], "most": ids[:330], "a block": first._ids[5:]}[which])
    for each in gone:
        vectors.delete("acme", each)
    ready(again)
    found = graphs_of(again)
    assert found._part_of.keys() == set(blocks) - {max(blocks)}
    in_graphs = sum(len(graph) for part in found.parts for graph in part.graphs)
    assert in_graphs == sum(blocks[number].live_count for number in found._part_of)
    assert which == "most" or sum(linked) < 60
    for found, exact in both(again):
        assert set(found).isdisjoint(gone)
        assert len(set(found) & set(exact)) >= 18


def test_nothing_that_a_file_has_tells_a_vector_or_outlives_what_was_deleted(
    start: Open, put: Callable[..., list[str]], vectors: RedisVectors, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The ids of deleted media go with the next refresh, an hour later; what was removed stays in usearch's memory."""
    made = rows(FILES)
    ids = put(made)
    tested = ready(start())
    for each in ids[:60]:
        vectors.delete("acme", each)
    ready(tested)
    monkeypatch.setattr("handlers.embedding.index.index._REFRESHED", 0.0)
    ready(tested)
    tested.end()
    kept = [each.read_bytes() for each in files(tmp_path)]
    assert len(kept) > 2
    codes = block.coded(made).codes
    for row, code in zip(made, codes, strict=True):
        for form in (row, row.astype("<f4"), code, code.view(np.uint8) + np.uint8(128)):
            assert not any(form.tobytes()[:16] in each for each in kept)
    assert sum(one.encode() in each for one in ids[60:] for each in kept) > 400
    assert not any(one.encode() in each for one in ids[:60] for each in kept)


@pytest.mark.parametrize("damage", ["short", "bit", "empty", "text", "settings", "rows", "kinds"])
def test_files_that_are_damaged_foreign_or_old_are_as_if_they_were_not_there(
    start: Open,
    put: Callable[..., list[str]],
    redis: Redis,
    keys: Keys,
    linked: list[int],
    tmp_path: Path,
    damage: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    put(rows(FILES))
    ready(start()).end()
    linked.clear()
    damaged = files(tmp_path)
    (damaged[0].parent / "other.part").write_text("of who was killed while it was written")
    for each in damaged:
        content = bytearray(each.read_bytes())
        if damage == "bit":
            content[len(content) // 2] ^= 4
        elif damage == "short":
            del content[len(content) // 3 :]
        elif damage in ("empty", "text"):
            content = bytearray(b"" if damage == "empty" else b"usearch" * 1000)
        each.write_bytes(content)
        os.utime(each, (1, 1))
    if damage == "settings":
        monkeypatch.setattr(graph, "_LINKS", graph._LINKS + 1)
    elif damage == "rows":  # of another server, or from before all was embedded anew
        redis.delete(keys.vectors("acme", "m"))
        put(rows(FILES, 5))
    elif damage == "kinds":
        monkeypatch.setattr("handlers.embedding.index.index._SHOWN", frozenset())
    again = ready(start())
    assert sum(linked) >= 500
    assert graphs_of(again).parts
    for found, exact in both(again):
        assert len(set(found) & set(exact)) >= 18
    assert all(each.stat().st_mtime > 1 for each in files(tmp_path))  # none of those is left
    assert not list(tmp_path.glob("*/*/*.part"))


def test_links_of_another_form_are_refused() -> None:
    tested = graph.Graph(DIMENSIONS)
    keys = graphs._keys(1, np.arange(40))
    tested.add(keys, block.coded(rows(40)).codes)
    tested.remove(keys[:3])
    found = tested.links()
    assert set(found.keys.tolist()) == {*keys[3:].tolist(), int(links.NONE)}
    for data in (found.data[:-1], found.data[:50], np.concatenate([found.data, found.data[:8]]), found.data[1:]):
        with pytest.raises(ValueError, match="links"):
            links.Links(data)


def test_two_processes_of_a_machine_have_a_folder_each_and_take_over_that_of_the_dead(
    start: Open, put: Callable[..., list[str]], linked: list[int], tmp_path: Path
) -> None:
    put(rows(FILES))
    one, other = ready(start()), ready(start())
    assert sum(linked) >= 1000
    assert len(files(tmp_path)) == 2 * len(graphs_of(one).parts)
    one.end()
    other.end()
    linked.clear()
    ready(start())
    ready(start())
    assert linked == []


def test_what_is_kept_is_bounded_and_what_nobody_has_searched_for_longest_goes(
    start: Open, put: Callable[..., list[str]], tmp_path: Path
) -> None:
    for tenant in ("acme", "rival"):
        put(rows(FILES), tenant)
    first = ready(start(), "acme")
    size = sum(each.stat().st_size for each in files(tmp_path))
    first.end()
    for each in tmp_path.glob("*/*"):
        os.utime(each, (1_700_000_000, 1_700_000_000))
    (left,) = tmp_path.glob("*/*")
    start().end()
    assert not left.exists()  # for long

    first = ready(start(most_bytes=size * 3 // 2), "acme")
    (left,) = tmp_path.glob("*/*")
    os.utime(left, (left.stat().st_mtime - 60,) * 2)
    ready(first, "rival")
    first.end()
    assert not left.exists()
    assert sum(each.stat().st_size for each in files(tmp_path)) <= size * 3 // 2


def test_a_tenant_that_left_the_memory_comes_back_by_what_was_kept(
    start: Open, put: Callable[..., list[str]], linked: list[int]
) -> None:
    put(rows(FILES))
    tested = ready(start())
    linked.clear()
    tested._indexes._give_up(("acme", "m"))
    ready(tested)
    assert linked == []


def test_a_switch_to_another_generation_while_one_is_linked_answers_by_the_one_that_is_active(
    start: Open, put: Callable[..., list[str]], linked: list[int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The former's leaves the memory unfinished, and is gone on with when that is active again."""
    monkeypatch.setattr("handlers.embedding.index.indexes._UNUSED", -1.0)
    standing = {"active": "m"}
    of = {"m": put(rows(FILES)), "m+2": put(rows(FILES, 8), model="m+2")}
    tested = start(standing_of=lambda tenant, own: Standing(standing["active"], frozenset(of)))
    hits(tested, 1)
    while sum(linked) < 250:
        assert tested.work()
    for active in ("m+2", "m"):
        standing["active"] = active
        assert set(hits(tested, 1)) <= set(of[active])
        assert [model for _, model in tested._indexes._kept] == [active]
        ready(tested, model=active)
        for found, exact in both(tested):
            assert set(found) | set(exact) <= set(of[active])
            assert len(set(found) & set(exact)) >= 18
    assert 1000 < sum(linked) < 1300  # the first part was kept


@pytest.mark.parametrize("why", ["no folder", "full"])
def test_where_nothing_can_be_kept_one_warning_says_so_and_all_is_searched(
    start: Open,
    put: Callable[..., list[str]],
    tmp_path: Path,
    why: str,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    put(rows(FILES))
    (tmp_path / "file").write_text("")

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    savez = np.savez
    if why == "full":
        monkeypatch.setattr(np, "savez", full)
    tested = ready(start(folder=tmp_path / ("kept" if why == "full" else "file")))
    ready(tested)
    for found, exact in both(tested):
        assert len(set(found) & set(exact)) >= 18
    warnings = [each.getMessage() for each in caplog.records if each.levelname == "WARNING"]
    assert len(warnings) == 1
    assert ("No space left" if why == "full" else "SEARCH_INDEX_DIR names a folder") in warnings[0]
    assert not list(tmp_path.glob("*/*/*/*"))
    if why == "full":  # a while later there is room again
        monkeypatch.setattr(np, "savez", savez)
        monkeypatch.setattr("handlers.embedding.index.index._REFRESHED", 0.0)
        tested._indexes._kept["acme", "m"]._kept._all._pause_until = 0.0
        ready(tested)
        assert len(list(tmp_path.glob("*/*/*/*.npz"))) == len(graphs_of(tested).parts)
