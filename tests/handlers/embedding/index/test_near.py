"""Guards the index of many vectors: what it finds is as exact as the scan that it saves, and it misses next to nothing.

Graphs are asked for a few rows here, of blocks of a few, so that every path is taken among hundreds of rows.
"""

from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from typing import Any
from uuid import uuid4

import pytest
from redis import Redis

from broker.engine.keys import Keys
from broker.media.vectors import RedisVectors
from broker.search.request import MAX_FOUND, SearchRequest

np = pytest.importorskip("numpy", reason="needs the extra media")
pytest.importorskip("usearch", reason="needs the extra hnsw")
block = pytest.importorskip("handlers.embedding.index.block", reason="needs the extra media")
graph = pytest.importorskip("handlers.embedding.index.graph", reason="needs the extra hnsw")
graphs = pytest.importorskip("handlers.embedding.index.graphs", reason="needs the extra hnsw")
matrix = pytest.importorskip("handlers.embedding.index.matrix", reason="needs the extra media")
near = pytest.importorskip("handlers.embedding.index.near", reason="needs the extra media")
sample = pytest.importorskip("handlers.embedding.index.sample", reason="needs the extra media")
relevance = pytest.importorskip("handlers.embedding.models.relevance", reason="needs the extra light")
scan = pytest.importorskip("handlers.embedding.index.scan", reason="needs the extra media")
search = pytest.importorskip("handlers.embedding.search.searcher", reason="needs the extra light")
sense = pytest.importorskip("handlers.embedding.models.sense", reason="needs the extra light")

DIMENSIONS = 24
PLAIN = scan.Scales(scan.Scale(1.0, 0.0), scan.Scale(1.0, 0.0))
KINDS = scan.Scales(scan.Scale(12.5, -3.0), scan.Scale(20.0, -4.5))


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(block, "_BLOCK_ROWS", 50)
    monkeypatch.setattr(graphs, "_SLICE", 7)
    monkeypatch.setattr(graphs, "_MOST_BLOCKS", 3)
    monkeypatch.setattr(graph, "_SEARCHED", 24)
    monkeypatch.setattr(near, "_FEW", 30)


@pytest.fixture
def random() -> Any:
    return np.random.default_rng(7)


@pytest.fixture
def tested() -> Any:
    made = matrix.Matrix(DIMENSIONS)
    made.begin_linking()
    return made


def unit(rows: Any) -> Any:
    return rows / np.linalg.norm(rows, axis=-1, keepdims=True)


def add(tested: Any, random: Any, first: int, count: int, most_rows: int = 4) -> None:
    """Entities named by numbers, each of some rows around one direction, those of pictures among them."""
    for number in range(first, first + count):
        many = int(random.integers(1, most_rows + 1))
        rows = unit(random.standard_normal(DIMENSIONS) + random.standard_normal((many, DIMENSIONS)) / 2)
        shown = random.integers(2, size=many).astype(bool)
        tested.add([f"{number:05}"], [many], rows.astype(np.float16), shown)


def link(tested: Any) -> None:
    while tested.link():
        pass


def query(random: Any) -> Any:
    return unit(random.standard_normal(DIMENSIONS)).astype(np.float32)


def nearly(tested: Any, query: Any, scales: Any, few: int = 6, **lifted: float) -> Any:
    return near.Near(tested, tested.graphs, query, scales, lifted, 0.5, few)


def exact(tested: Any, query: Any, scales: Any, **lifted: float) -> Any:
    return scan.Scan(tested, query, scales, lifted, 0.5)


@pytest.fixture(params=["linked", "half linked", "churned"])
def grown(request: pytest.FixtureRequest, tested: Any, random: Any) -> Any:
    """300 entities with their graphs; some blocks without, and one in the middle; and after much has come and gone."""
    add(tested, random, 0, 300)
    if request.param == "half linked":
        for _ in range(31):
            assert tested.link()
        return tested
    link(tested)
    for number in range(300 if request.param == "churned" else 0):
        tested.remove(f"{number:05}")
        add(tested, random, 1000 + number, 1)
        tested.link()
    return tested


@pytest.mark.parametrize("scales", [PLAIN, KINDS])
def test_what_it_finds_has_the_scores_and_the_order_of_the_scan_and_hardly_anything_is_missed(
    grown: Any, random: Any, scales: Any
) -> None:
    """To the end of the list, which the graphs were not asked for; words count as there."""
    wanted = missed = 0
    for _ in range(10):
        asked = query(random)
        lifted = dict.fromkeys(
            [*random.choice([each for block in grown.blocks.values() for each in block._ids], 3)], 0.3
        )
        tested, expected = nearly(grown, asked, scales, **lifted), exact(grown, asked, scales, **lifted)
        found, all_of_them = list(tested.best(6)), list(expected.best(6))
        assert set(found) <= set(all_of_them)
        assert all(one > other for one, other in pairwise(found))
        assert sorted(tested.lifted()) == sorted(expected.lifted())
        wanted, missed = wanted + 10, missed + len(set(all_of_them[:10]) - set(found))
        assert len(found) >= len(all_of_them) - 3
    assert missed <= wanted / 100


def test_it_compares_few_rows_for_the_first_hits(tested: Any, random: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    add(tested, random, 0, 3000, most_rows=1)
    link(tested)
    compared: list[int] = []
    fast = block.Block.fast
    monkeypatch.setattr(
        block.Block, "fast", lambda block, query: compared.append(len(block.shown())) or fast(block, query)
    )
    stream = nearly(tested, query(random), PLAIN).best(6)
    first = [next(stream) for _ in range(6)]
    assert sum(compared) < 1000
    assert len({*first, *stream}) >= 2995  # the others are compared when they are asked for
    assert sum(compared) > 3000


@pytest.mark.parametrize("scales", [PLAIN, KINDS])
def test_it_says_whether_it_has_counted_all(grown: Any, random: Any, scales: Any) -> None:
    some = set()
    for _ in range(10):
        asked = query(random)
        tested, expected = nearly(grown, asked, scales), exact(grown, asked, scales)
        ranks = [each.score for each in exact(grown, asked, scales).best(6)]
        for least in (ranks[0] + 1, ranks[3], ranks[100]):
            counted, all_of_them = (
                each.count(least, lambda score, least=least: score >= least) for each in (tested, expected)
            )
            some.add(tested.counts_all(least))
            assert counted <= all_of_them
            if tested.counts_all(least):
                assert counted >= all_of_them - 1
    assert some == {True, False}


def test_what_comes_is_found_at_once_and_what_goes_is_not(grown: Any, random: Any) -> None:
    """Before, while and after it is linked; though all that was nearest is gone."""
    asked, missed = query(random), 0
    for turn in range(8):
        best = [each.entity_id for each, _ in zip(nearly(grown, asked, PLAIN).best(6), range(20), strict=False)]
        for entity_id in best:
            grown.remove(entity_id)
        left = list(nearly(grown, asked, PLAIN).best(6))
        assert not set(best) & {each.entity_id for each in left}
        expected = [each for each, _ in zip(exact(grown, asked, PLAIN).best(6), range(5), strict=False)]
        missed += len(set(expected) - set(left))
        new = [f"new {turn} {number}" for number in range(12)]
        rows = unit(asked + random.standard_normal((12, DIMENSIONS)) / 50).astype(np.float16)
        grown.add(new, [1] * 12, rows, np.ones(12, bool))
        for _ in range(9):
            found = [each.entity_id for each, _ in zip(nearly(grown, asked, PLAIN).best(6), range(12), strict=False)]
            assert sorted(found) == sorted(new)
            grown.link()
    assert missed <= 1  # of 40


def test_graphs_of_what_is_gone_do_not_pile_up(tested: Any, random: Any) -> None:
    add(tested, random, 0, 100)
    link(tested)
    for number in range(1000):
        tested.remove(f"{number:05}")
        add(tested, random, number + 100, 1)
        tested.link()
    link(tested)
    linked = sum(len(graph) for part in tested.graphs._parts for graph in part.graphs)
    assert linked <= tested.rows
    assert len(tested.graphs._parts) <= 8
    asked = query(random)
    assert len(list(nearly(tested, asked, PLAIN).best(6))) >= 99


def test_no_key_is_looked_for_among_those_of_all_other_rows() -> None:
    """usearch compares a key with all whose last bits are next to its own: no removal may go through a whole part."""
    keys = np.concatenate([graphs._keys(number, np.arange(8192)) for number in range(3, 19)])
    numbers, rows = graphs._places(keys)
    assert (numbers == np.repeat(np.arange(3, 19), 8192)).all()
    assert (rows == np.tile(np.arange(8192), 16)).all()
    last = keys & np.uint64(2**18 - 1)
    taken = np.zeros(2**18, bool)
    taken[last] = True
    assert taken.sum() > 0.7 * len(keys)
    assert np.diff(np.flatnonzero(~taken)).max() < 100


class Astray:
    """An index whose searches for one query end among the farthest rows."""

    def __init__(self, index: Any, query: Any, far: Any) -> None:
        self._index, self._query, self._far = index, query, far

    def __len__(self) -> int:
        return len(self._index)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._index, name)

    def search(self, sought: Any, many: int, **options: Any) -> Any:
        return self._index.search(self._far if np.array_equal(sought, self._query) else sought, many, **options)


def test_a_search_that_has_gone_astray_is_noticed_and_led_back(random: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sample, "_EACH", 8)
    monkeypatch.setattr(graph, "_TRUSTED", 10)
    tested = graph.Graph(DIMENSIONS)
    rows = unit(random.standard_normal((300, DIMENSIONS)))
    rows[:60] = unit(rows[0] + rows[:60] / 4)  # a clump
    codes = np.rint(rows * 127).astype(np.int8)
    keys = graphs._keys(1, np.arange(300))
    tested.add(keys, codes)
    asked, clump = codes[0], set(keys[:60].tolist())
    assert set(tested.nearest(asked, 24)[0].tolist()) <= clump

    tested._index = Astray(tested._index, asked, -asked)
    found, cosines = tested.nearest(asked, 24)
    assert len(set(found.tolist()) & clump) >= 10
    assert set(found[:10].tolist()) <= clump
    assert cosines[:10] == pytest.approx(rows[graphs._places(found[:10])[1]] @ rows[0], abs=0.01)

    tested.remove(tested._sample._keys)  # what is gone is not missed
    assert not set(tested.nearest(asked, 24)[0].tolist()) & clump


def test_rows_that_are_broken_or_equal_break_nothing(tested: Any, random: Any) -> None:
    one = unit(np.ones((1, DIMENSIONS))).astype(np.float16)
    rows = np.concatenate([np.repeat(one, 120, axis=0), np.full((30, DIMENSIONS), np.nan, np.float16)])
    for number, row in enumerate(rows):
        tested.add([f"{number:05}"], [1], row[np.newaxis], np.ones(1, bool))
    link(tested)
    found = [each.entity_id for each in nearly(tested, one[0].astype(np.float32), PLAIN).best(6)]
    assert found == sorted(found, reverse=True) or len(set(found)) == len(found)
    assert len(found) >= 148


def test_what_is_not_installed_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    graph.check()
    monkeypatch.setattr(graph, "_LIBRARY", "usearch_that_is_not_there")
    with pytest.raises(ValueError, match=r"SEARCH_HNSW_FROM needs usearch.*mindia-tasks\[hnsw\]"):
        graph.check()


def test_a_slice_takes_a_block_no_further_than_its_size(tested: Any, random: Any) -> None:
    add(tested, random, 0, 60, most_rows=1)
    slices: Iterator[bool] = iter(tested.link, False)
    assert len(list(slices)) == 8
    assert 1 in tested.graphs
    assert 2 not in tested.graphs  # it still grows


@pytest.fixture
def stored(vectors: RedisVectors, redis: Redis, keys: Keys, random: Any) -> list[str]:
    """Ids of pictures with a vector each."""
    ids = [str(uuid4()) for _ in range(600)]
    rows = unit(random.standard_normal((600, DIMENSIONS))).astype("<f2")
    packed = {each: b"image 1\n" + row.tobytes() for each, row in zip(ids, rows, strict=True)}
    redis.hset(keys.vectors("acme", "m"), mapping=packed)
    return ids


def opened(vectors: RedisVectors, graphs_from: int, *, linked: bool = True) -> Any:
    """A searcher that has done all its work. A query is the number of a direction."""
    nothing = np.zeros(DIMENSIONS, np.float32)
    kind, nonsense = relevance.Kind(nothing, 0.1, 0.2), sense.Nonsense(nothing, 0.0)
    made = search.Searcher(
        "m",
        lambda text: query(np.random.default_rng(int(text))),
        vectors,
        lambda tenant, ids: {each: search.Facts(int(each[:2], 16), 1, each, frozenset()) for each in ids},
        judge=search.Judge(relevance.Calibration(kind, kind, nonsense)),
        graphs_from=graphs_from,
    )
    while made.find(SearchRequest("acme", "1")) is None:
        assert made.work()
    while linked and made.work():
        pass
    return made


def pages(searcher: Any, request: SearchRequest) -> Iterator[Any]:
    after = None
    while True:
        found = searcher.find(replace(request, after=after))
        yield found
        after = found.after
        if after is None:
            return


def test_a_search_by_it_pages_to_the_end_and_says_what_it_has_counted(vectors: RedisVectors, stored: list[str]) -> None:
    by_graphs, plain = opened(vectors, 500), opened(vectors, 601)
    for number in range(2):
        for least in (0.0, 0.5):
            request = SearchRequest("acme", str(number), limit=60, min_relevance=least)
            found, expected = (list(pages(each, request)) for each in (by_graphs, plain))
            ids, wanted = ([hit.entity_id for page in each for hit in page.hits] for each in (found, expected))
            assert len(set(ids)) == len(ids) >= len(wanted) - 2
            assert [each for each in wanted if each in ids] == ids
            assert all(each.exact and each.total == len(wanted) for each in expected)
            assert all(each.total <= len(wanted) for each in found)
            assert all(each.total >= len(wanted) - 2 for each in found if each.exact)
    few = by_graphs.find(SearchRequest("acme", "1", limit=9, min_relevance=0.3))
    assert not few.exact
    assert few.total >= 9


def test_pages_go_on_from_the_scan_to_the_index_that_is_made_meanwhile(
    vectors: RedisVectors, stored: list[str]
) -> None:
    """None comes twice, and what the index misses is all that is on no page."""
    expected = [hit.entity_id for page in pages(opened(vectors, 0), SearchRequest("acme", "2")) for hit in page.hits]
    tested = opened(vectors, 500, linked=False)
    found: list[str] = []
    for page in pages(tested, SearchRequest("acme", "2")):
        found += [hit.entity_id for hit in page.hits]
        for _ in range(4):
            tested.work()
    assert not tested.work()
    assert len(set(found)) == len(found) >= len(expected) - 2
    assert [each for each in expected if each in found] == found


@pytest.mark.parametrize(
    "asked", [{"narrowing": {"created_from": 250}}, {"min_similarity": 0.3}, {"after": [0.1, 0.1, "image", "x"]}]
)
def test_what_goes_through_all_is_exact(
    vectors: RedisVectors, stored: list[str], asked: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Filters, however few files they leave, which ask no graph; and the end of a long list."""
    by_graphs, plain = opened(vectors, 500), opened(vectors, 0)
    if "after" not in asked:
        monkeypatch.delattr("handlers.embedding.index.index.Near")
    request = SearchRequest("acme", "3", limit=20, **asked)
    while None in (by_graphs.find(request), plain.find(request)):
        pass
    found, expected = by_graphs.find(request), plain.find(request)
    assert found.hits == expected.hits != []
    assert (found.total, found.exact) == (expected.total, expected.exact)


def test_no_number_that_is_told_passes_what_is_paged_through(
    vectors: RedisVectors, stored: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("searcher", "layers", "paging"):
        monkeypatch.setattr(f"handlers.embedding.search.{module}.MAX_FOUND", 50)
    assert MAX_FOUND > 600
    for asked in ({"min_relevance": 0.01}, {"min_similarity": -0.9}):
        found = opened(vectors, 0).find(SearchRequest("acme", "3", **asked))
        assert (found.total, found.exact) == (50, False)


def test_it_is_made_in_slices_between_which_others_are_answered(
    vectors: RedisVectors, stored: list[str], redis: Redis, keys: Keys
) -> None:
    redis.hset(keys.vectors("rival", "m"), str(uuid4()), b"image 1\n" + np.ones(DIMENSIONS, "<f2").tobytes())
    tested = search.Searcher(
        "m", lambda text: query(np.random.default_rng(1)), vectors, lambda tenant, ids: {}, graphs_from=500
    )
    while tested.find(SearchRequest("acme", "1")) is None:
        assert tested.work()
    slices = 0
    before = tested._indexes.nbytes
    while tested.work():
        slices += 1
        assert tested.find(SearchRequest("rival", "1")) is not None
    assert slices >= 500 // 7
    assert tested._indexes.nbytes > before
    assert tested._indexes.nbytes == sum(each.nbytes for each in tested._indexes._kept.values())


def test_what_goes_while_the_very_first_block_is_linked_is_not_found_afterwards(tested: Any, random: Any) -> None:
    add(tested, random, 0, 60, most_rows=1)
    assert all(tested.link() for _ in range(3))
    for number in (0, 5, 48):  # linked, and not yet
        tested.remove(f"{number:05}")
    link(tested)
    assert not tested.graphs.empty
    found = {each.entity_id for each in nearly(tested, query(random), PLAIN).best(6)}
    assert found == {f"{number:05}" for number in range(60)} - {"00000", "00005", "00048"}
