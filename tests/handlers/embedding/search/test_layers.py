"""Guards that searches lose nothing while a new model embeds everything anew, and that what is missing is said."""

from collections.abc import Callable
from typing import Any

import pytest
from redis import Redis

from broker.engine.keys import Keys
from broker.errors import NotIndexed
from broker.media.generations import Generations
from broker.media.vectors import RedisVectors
from broker.search.found import Found
from broker.search.request import SearchRequest
from tests.search_fixtures import Make, NewMedia, make, new_media, vectors

np = pytest.importorskip("numpy", reason="needs the extra embed")
search = pytest.importorskip("handlers.embedding.search.searcher", reason="needs the extra embed")
encoders = pytest.importorskip("handlers.embedding.search.query_encoders", reason="needs the extra embed")
indexes = pytest.importorskip("handlers.embedding.index.indexes", reason="needs the extra embed")

__all__ = ["make", "new_media", "vectors"]

RED, GREEN, BLUE = [1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]
#: Vectors of another model have another length.
LONG_RED, LONG_GREEN = [0.0, 0.0, 0.0, 1.0], [1.0, 0.0, 0.0, 0.0]
OLD, NEW = "model+1", "model+2"
OTHER = "another@12345678+1"


def packed(*parts: list[float]) -> list[bytes]:
    return [np.array(part, "<f2").tobytes() for part in parts]


@pytest.fixture
def generations(redis: Redis, keys: Keys) -> Generations:
    return Generations(redis, keys)


@pytest.fixture
def lead(generations: Generations, make: Make, redis: Redis, keys: Keys) -> Callable[[str], None]:
    """Workers make this generation from now on, and the daemon has done what it can."""

    def go(wanted: str, keep_seconds: float = 1e6) -> None:
        make(wanted)
        redis.delete(keys.generations_seen())
        generations.want()
        for _ in range(20):
            generations.step("acme", limit=100, most=0, keep_seconds=keep_seconds)

    return go


@pytest.fixture
def searcher(vectors: RedisVectors, redis: Redis, keys: Keys, generations: Generations) -> Callable[..., Any]:
    """A search process with one generation of its own, and maybe with models of others."""

    def named(_: str, ids: list[str]) -> dict[str, Any]:
        names = {each: redis.hget(keys.media(each), "filename") for each in ids}
        return {each: search.Facts(0, 1, name, frozenset()) for each, name in names.items() if name}

    def start(own: str, embed: Any = RED, others: dict[str, Any] | None = None) -> Any:
        def open_other(generation: str) -> Any:
            vector = (others or {}).get(generation)
            return vector and encoders.QueryEncoder(
                search.encoder_of(generation), lambda text: np.array(vector, np.float32)
            )

        made = search.Searcher(
            own, lambda text: np.array(embed, np.float32), vectors, named,
            standing_of=generations.standing, open_other=open_other,
        )  # fmt: skip
        made.encoders.prepare(others or ())
        return made

    return start


def found(searcher: Any, **asked: Any) -> Found:
    request = SearchRequest("acme", **({"query": "red"} | asked))
    while (answer := searcher.find(request)) is None:
        assert searcher.work()
    return answer


def ids(answer: Found) -> list[str]:
    return [hit.entity_id for hit in answer.hits]


def test_of_every_file_the_best_generation_that_has_it_is_searched(
    searcher: Any, vectors: RedisVectors, new_media: NewMedia, lead: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept, changed, fresh = new_media(), new_media(), new_media()
    vectors.put("acme", OLD, "image", kept, packed([0.8, 0.6, 0.0]))
    vectors.put("acme", OLD, "image", changed, packed(GREEN))
    lead(OLD)
    lead(NEW)
    vectors.put("acme", NEW, "image", changed, packed(RED))
    vectors.put("acme", NEW, "image", fresh, packed([0.6, 0.8, 0.0]))
    for own in (OLD, NEW):
        answer = found(searcher(own))
        assert ids(answer) == [kept, fresh, changed], "the old one answers, and the new one what only that has"
        assert (answer.generation, answer.missing, answer.total) == (OLD, 0, 3)
        assert len(ids(found(searcher(own), limit=2))) == 2
        assert found(searcher(own), min_similarity=0.5).total == 2
    one = searcher(NEW)
    found(one)
    vectors.put("acme", NEW, "image", kept, packed([0.0, 0.6, 0.8]))
    lead(NEW)
    monkeypatch.setattr(indexes, "_UNUSED", -1)
    answer = found(one)
    assert ids(answer) == [changed, fresh, kept], "switched, in a process that goes on"
    assert (answer.generation, answer.missing, answer.total) == (NEW, 0, 3)
    assert [layer for _, layer in one._indexes._kept] == [NEW], "the old one has left the memory"
    assert ids(found(searcher(OLD))) == [changed, fresh, kept], "equal models read what the other release has made"


def test_another_model_that_is_here_answers_for_what_it_has_made(
    searcher: Any, vectors: RedisVectors, new_media: NewMedia, lead: Any
) -> None:
    former, fresh, both = new_media(), new_media(), new_media()
    vectors.put("acme", OTHER, "image", former, packed(LONG_RED))
    vectors.put("acme", OTHER, "image", both, packed(LONG_GREEN))
    lead(OTHER)
    lead(NEW)
    vectors.put("acme", NEW, "image", fresh, packed([0.6, 0.8, 0.0]))
    vectors.put("acme", NEW, "image", both, packed(RED))
    answer = found(searcher(NEW, others={OTHER: LONG_RED}))
    assert ids(answer) == [former, fresh, both]
    assert (answer.generation, answer.missing) == (OTHER, 0)
    like = found(searcher(NEW, others={OTHER: LONG_RED}), query="", like=fresh)
    assert ids(like) == [both], "it is like something of its own generation alone"
    assert like.missing == 1


def test_what_no_model_here_can_search_is_said_to_be_missing(
    searcher: Any, vectors: RedisVectors, new_media: NewMedia, lead: Any
) -> None:
    former, fresh, both = new_media(), new_media(), new_media()
    for each in (former, both):
        vectors.put("acme", OTHER, "image", each, packed(LONG_RED))
    lead(OTHER)
    answer = found(searcher(NEW))
    assert (ids(answer), answer.generation, answer.missing) == ([], NEW, 2)
    lead(NEW)
    for each in (fresh, both):
        vectors.put("acme", NEW, "image", each, packed(RED))
    answer = found(searcher(NEW))
    assert set(ids(answer)) == {fresh, both}
    assert (answer.generation, answer.missing) == (NEW, 1)
    behind = found(searcher(OTHER, LONG_RED))
    assert set(ids(behind)) == {former, both}
    assert (behind.generation, behind.missing) == (OTHER, 1)
    with pytest.raises(NotIndexed):
        found(searcher(NEW), query="", like=former)
    vectors.put("acme", NEW, "image", former, packed(GREEN))
    lead(NEW)
    assert found(searcher(NEW)).missing == 0
    late = found(searcher(OTHER, LONG_RED))
    assert set(ids(late)) == {former, both}, "what is kept answers where nothing newer can"
    assert late.missing == 1


def test_what_could_not_be_embedded_anew_is_found_by_what_it_had(
    searcher: Any, vectors: RedisVectors, new_media: NewMedia, lead: Any, generations: Generations
) -> None:
    bad, good = new_media(), new_media()
    for each in (bad, good):
        vectors.put("acme", OLD, "image", each, packed(RED))
    lead(OLD)
    lead(NEW)
    vectors.put("acme", NEW, "image", good, packed(GREEN))
    generations.step("acme", limit=10, most=10, keep_seconds=1e6)
    ((media_id, at),) = generations.handed("acme", 10)
    generations.settle("acme", NEW, media_id, at, "its source is gone")
    lead(NEW, keep_seconds=0)
    answer = found(searcher(NEW))
    assert ids(answer) == [bad, good]
    assert (answer.generation, answer.missing) == (NEW, 0)


def test_nobody_waits_until_a_generation_that_few_files_need_is_read(
    searcher: Any, vectors: RedisVectors, new_media: NewMedia, lead: Any, redis: Redis, keys: Keys
) -> None:
    """A worker of the former release embeds one file after the switch: all that it has made is read again."""
    good, late = new_media(), new_media()
    vectors.put("acme", NEW, "image", good, packed(RED))
    lead(NEW)
    tested = searcher(NEW)
    assert ids(found(tested)) == [good]
    old = {str(number): b"image 1\n" + packed(GREEN)[0] for number in range(250)}
    redis.hset(keys.vectors("acme", OLD), mapping=old)
    vectors.put("acme", OLD, "image", late, packed(RED))
    answer = tested.find(SearchRequest("acme", "red"))
    assert (ids(answer), answer.generation) == ([good], NEW)
    assert answer.missing > 0
    while tested.work():
        pass
    assert set(ids(found(tested))) == {good, late}


def test_before_any_daemon_has_decided_a_process_searches_its_own_first(
    searcher: Any, vectors: RedisVectors, new_media: NewMedia
) -> None:
    both, former = new_media(), new_media()
    vectors.put("acme", OLD, "image", both, packed(GREEN))
    vectors.put("acme", OLD, "image", former, packed(RED))
    vectors.put("acme", NEW, "image", both, packed([0.6, 0.8, 0.0]))
    answer = found(searcher(NEW))
    assert [(hit.entity_id, round(hit.similarity, 1)) for hit in answer.hits] == [(former, 1.0), (both, 0.6)]
    assert (answer.generation, answer.missing) == (NEW, 0)


def test_a_model_that_was_not_here_is_looked_for_again() -> None:
    seconds = [0.0]
    found: dict[str, Any] = {}
    own = encoders.QueryEncoder("model", lambda text: np.array(RED))
    tested = encoders.QueryEncoders(own, found.get, lambda: seconds[0])
    tested.prepare([OTHER])
    assert tested.of(OTHER) is None
    found[OTHER] = encoders.QueryEncoder("another@12345678", lambda text: np.array(RED))
    tested.prepare([OTHER])
    assert tested.of(OTHER) is None
    seconds[0] = 61.0
    tested.prepare([OTHER])
    assert tested.of(OTHER) is found[OTHER]
    assert tested.of(OLD) is own
