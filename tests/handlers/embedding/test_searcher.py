"""Guards what a search answers: only the tenant's own, existing files, of the kind asked for, as they are now."""

from collections.abc import Callable

import pytest
from redis import Redis

from broker.engine.keys import Keys
from broker.media.search import Hit, SearchRequest
from broker.media.vectors import RedisVectors
from tests.search_fixtures import NewMedia, set_back

np = pytest.importorskip("numpy", reason="needs the extra embed")
search = pytest.importorskip("handlers.embedding.search", reason="needs the extra embed")

RED, GREEN, BLUE = ([1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0])
COLOURS = {"red": RED, "green": GREEN, "yellow": [0.6, 0.8, 0.0]}
Search = Callable[..., list[Hit]]


def packed(*parts: list[float]) -> list[bytes]:
    return [np.array(part, "<f2").tobytes() for part in parts]


@pytest.fixture
def embedded() -> list[str]:
    """Every text that was embedded."""
    return []


@pytest.fixture
def searcher(vectors: RedisVectors, redis: Redis, keys: Keys, embedded: list[str]):
    def embed(text: str):
        embedded.append(text)
        return np.array(COLOURS[text], np.float32)

    def filename_of(tenant: str, media_id: str) -> str | None:
        return redis.hget(keys.media(media_id), "filename")

    return search.Searcher("m", embed, vectors, filename_of)


@pytest.fixture
def found(searcher) -> Search:
    def find(query: str, tenant: str = "acme", **options) -> list[Hit]:
        while (hits := searcher.answer(SearchRequest(tenant, query, **options))) is None:
            assert searcher.work()
        return hits

    return find


def test_the_best_part_counts_and_the_best_file_comes_first(
    found: Search, vectors: RedisVectors, new_media: NewMedia
) -> None:
    film, picture = new_media(kind="video", filename="film.mp4"), new_media(filename="grass.jpg")
    vectors.put("acme", "m", "video", film, packed(BLUE, [0.75, 0.66, 0.0], BLUE))
    vectors.put("acme", "m", "image", picture, packed(GREEN))
    assert found("red") == [Hit("video", film, "film.mp4", 0.75), Hit("image", picture, "grass.jpg", 0.0)]
    assert [hit.entity_id for hit in found("green")] == [picture, film]


def test_kind_limit_and_threshold_narrow_the_answer(found: Search, vectors: RedisVectors, new_media: NewMedia) -> None:
    film, red, green = new_media(kind="video"), new_media(), new_media()
    for kind, media, colour in (("video", film, RED), ("image", red, RED), ("image", green, GREEN)):
        vectors.put("acme", "m", kind, media, packed(colour))
    assert [hit.entity_id for hit in found("yellow", entity_type="image")] == [green, red]
    assert [hit.entity_id for hit in found("yellow", entity_type="image", limit=1)] == [green]
    assert [hit.entity_id for hit in found("yellow", min_similarity=0.7)] == [green]
    assert found("yellow", entity_type="audio") == []


def test_every_change_is_seen_by_the_next_search(found: Search, vectors: RedisVectors, new_media: NewMedia) -> None:
    assert found("red") == []
    media, other = new_media(), new_media()
    vectors.put("acme", "m", "image", media, packed(RED))
    assert [hit.similarity for hit in found("red")] == [1.0]
    vectors.put("acme", "m", "image", media, packed(GREEN))
    vectors.put("acme", "m", "image", other, packed(RED))
    assert [(hit.entity_id, hit.similarity) for hit in found("red")] == [(other, 1.0), (media, 0.0)]
    vectors.delete("acme", other)
    assert [hit.entity_id for hit in found("red")] == [media]


def test_changes_missed_for_too_long_are_made_up_for(
    found: Search, vectors: RedisVectors, new_media: NewMedia, redis: Redis, keys: Keys
) -> None:
    gone, kept = new_media(), new_media()
    vectors.put("acme", "m", "image", gone, packed(RED))
    found("red")
    vectors.delete("acme", gone)
    vectors.put("acme", "m", "image", kept, packed(GREEN))
    vectors.put("acme", "m", "image", kept, packed(GREEN))
    redis.xtrim(keys.vector_changes("acme", "m"), maxlen=1, approximate=False)
    assert [hit.entity_id for hit in found("red")] == [kept]


def test_nothing_is_missed_after_the_server_has_lost_its_last_moments(
    found: Search, vectors: RedisVectors, new_media: NewMedia, redis: Redis, keys: Keys
) -> None:
    kept, lost, replaced, deleted, later = (new_media() for _ in range(5))
    for media, colour in ((kept, RED), (replaced, RED), (deleted, GREEN)):
        vectors.put("acme", "m", "image", media, packed(colour))
    with set_back(redis, keys.vectors("acme", "m"), keys.vector_changes("acme", "m")):
        vectors.put("acme", "m", "image", lost, packed(RED))
        vectors.put("acme", "m", "image", replaced, packed(BLUE))
        vectors.delete("acme", deleted)
        assert {hit.entity_id: hit.similarity for hit in found("red")} == {lost: 1.0, kept: 1.0, replaced: 0.0}
    vectors.put("acme", "m", "image", later, packed(GREEN))  # as many changes, and files in the end, as were lost
    vectors.put("acme", "m", "image", later, packed([0.75, 0.66, 0.0]))
    vectors.delete("acme", kept)
    assert {hit.entity_id: hit.similarity for hit in found("red")} == {replaced: 1.0, deleted: 0.0, later: 0.75}


def test_a_deleted_file_is_never_answered_and_takes_no_ones_place(
    found: Search, vectors: RedisVectors, new_media: NewMedia, redis: Redis, keys: Keys
) -> None:
    deleted = [new_media() for _ in range(5)]
    kept = new_media()
    for media in deleted:
        vectors.put("acme", "m", "image", media, packed(RED))
    vectors.put("acme", "m", "image", kept, packed(GREEN))
    redis.delete(*map(keys.media, deleted))
    assert [hit.entity_id for hit in found("red", limit=2)] == [kept]


def test_tenants_and_models_do_not_see_each_other(found: Search, vectors: RedisVectors, new_media: NewMedia) -> None:
    mine, theirs, other_model = new_media("acme"), new_media("rival"), new_media("acme")
    vectors.put("acme", "m", "image", mine, packed(RED))
    vectors.put("rival", "m", "image", theirs, packed(RED))
    vectors.put("acme", "another", "image", other_model, packed(RED))
    assert [hit.entity_id for hit in found("red")] == [mine]
    assert [hit.entity_id for hit in found("red", tenant="rival")] == [theirs]


def test_vectors_of_a_foreign_length_do_not_break_the_search(
    found: Search, vectors: RedisVectors, new_media: NewMedia, redis: Redis, keys: Keys
) -> None:
    foreign, mine = new_media(), new_media()
    vectors.put("acme", "m", "image", foreign, packed([1.0, 0.0]))
    redis.hset(keys.vectors("acme", "m"), "broken", "image 2\nabc")
    vectors.put("acme", "m", "image", mine, packed(RED))
    assert [hit.entity_id for hit in found("red")] == [mine]


def test_a_repeated_query_is_embedded_once(found: Search, embedded: list[str]) -> None:
    found("red")
    found("  red\n")
    assert embedded == ["red"]


def test_every_match_can_be_had_and_no_more_than_the_limit_is_looked_at(
    found: Search, vectors: RedisVectors, new_media: NewMedia, redis: Redis, keys: Keys, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Partitioning out the best few is cheap, sorting all is not; what is asked for after them is the price of deleted
    files only."""
    matrix = pytest.importorskip("handlers.embedding.matrix")
    sizes: list[int] = []
    sort = np.argsort
    monkeypatch.setattr(matrix.np, "argsort", lambda scores: sizes.append(len(scores)) or sort(scores))
    media = [new_media() for _ in range(64)]
    for at, each in enumerate(media):
        vectors.put("acme", "m", "image", each, packed([1 - at / 100, 0.0, 0.0]))
    assert [hit.entity_id for hit in found("red", limit=5)] == media[:5]
    assert sizes == [5]
    redis.delete(*map(keys.media, media[:32]))
    assert [hit.entity_id for hit in found("red", limit=5)] == media[32:37]
