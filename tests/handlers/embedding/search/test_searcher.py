"""Guards what a search answers: only the tenant's own, existing files, of the kind asked for, as they are now."""

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from typing import Any

import pytest
from redis import Redis

from broker.engine.keys import Keys
from broker.errors import NotIndexed
from broker.media.generations import Standing
from broker.media.parts import Part
from broker.media.vectors import RedisVectors
from broker.search.found import Hit
from broker.search.request import SearchRequest
from tests.search_fixtures import NewMedia, set_back

np = pytest.importorskip("numpy", reason="needs the extra embed")
search = pytest.importorskip("handlers.embedding.search.searcher", reason="needs the extra embed")
relevance = pytest.importorskip("handlers.embedding.models.relevance", reason="needs the extra embed")
sense = pytest.importorskip("handlers.embedding.models.sense", reason="needs the extra embed")

RED, GREEN, BLUE = ([1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0])
COLOURS = {"red": RED, "green": GREEN, "yellow": [0.6, 0.8, 0.0]}
Search = Callable[..., list[Hit]]


def packed(*parts: list[float]) -> list[bytes]:
    return [np.array(part, "<f2").tobytes() for part in parts]


def nameless(_: str, ids: Sequence[str]) -> dict[str, Any]:
    """Facts of files whose names nobody minds."""
    return {each: search.Facts(0, 1, each, frozenset()) for each in ids}


@pytest.fixture
def embedded() -> list[str]:
    """Every text that was embedded."""
    return []


@pytest.fixture
def facts() -> dict[str, Any]:
    """What is known of files beside their names, if anything."""
    return {}


@pytest.fixture
def digests() -> dict[str, str]:
    """What is known of the bytes of files, if anything."""
    return {}


@pytest.fixture
def searcher(
    vectors: RedisVectors,
    redis: Redis,
    keys: Keys,
    embedded: list[str],
    facts: dict[str, Any],
    digests: dict[str, str],
):
    def embed(text: str):
        embedded.append(text)
        return np.array(COLOURS[text], np.float32)

    def facts_of(tenant: str, media_ids: Sequence[str]) -> dict[str, Any]:
        names = {each: redis.hget(keys.media(each), "filename") for each in media_ids}
        return {each: facts.get(each, search.Facts(0, 1, name, frozenset())) for each, name in names.items() if name}

    def digests_of(tenant: str, media_ids: Sequence[str]) -> dict[str, str]:
        return {each: digests[each] for each in media_ids if each in digests}

    return search.Searcher("m", embed, vectors, facts_of, digests_of=digests_of)


@pytest.fixture
def found(searcher) -> Search:
    def find(query: str, tenant: str = "acme", **options) -> list[Hit]:
        while (hits := searcher.answer(SearchRequest(tenant, query, **options))) is None:
            assert searcher.work()
        return hits

    return find


def test_those_who_wait_cost_the_reading_next_to_nothing_and_learn_how_long_it_takes(
    vectors: RedisVectors, new_media: NewMedia, monkeypatch: pytest.MonkeyPatch
) -> None:
    for media in (new_media() for _ in range(250)):
        vectors.put("acme", "m", "image", media, packed(RED))
    stood, now = list[str](), [100.0]
    monkeypatch.setattr("handlers.embedding.index.index.time.monotonic", lambda: now[0])

    def standing_of(tenant: str, own: str) -> Standing:
        stood.append(tenant)
        return Standing(own, frozenset([own]))

    tested = search.Searcher("m", lambda _: np.array(RED, np.float32), vectors, nameless, standing_of=standing_of)
    request = SearchRequest("acme", "red")
    assert tested.find(request) is None
    now[0] += 2.0
    for _ in range(20):
        assert tested.find(request) is None
    assert stood == ["acme"]
    assert tested.left(request) == pytest.approx(3.0)  # 150 of 250 in the time of 100
    while tested.find(request) is None:
        assert tested.work()
    assert tested.left(request) == 0
    assert tested.left(SearchRequest("rival", "red")) == 0


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
    """Finding the best few is cheap, ordering all is not; what is asked for after them is the price of deleted files
    only."""
    products = pytest.importorskip("handlers.embedding.index.products")
    sizes: list[int] = []
    exact = products.Query.exact
    monkeypatch.setattr(products.Query, "exact", lambda query, rows: sizes.append(len(rows)) or exact(query, rows))
    media = [new_media() for _ in range(64)]
    for at, each in enumerate(media):
        vectors.put("acme", "m", "image", each, packed([1 - at / 100, 0.0, 0.0]))
    assert [hit.entity_id for hit in found("red", limit=5)] == media[:5]
    assert sizes == [6]  # one more, to know whether the answer goes on
    redis.delete(*map(keys.media, media[:32]))
    assert [hit.entity_id for hit in found("red", limit=5)] == media[32:37]


def test_pages_neither_skip_nor_repeat_while_files_are_added(
    searcher, vectors: RedisVectors, new_media: NewMedia
) -> None:
    media = [new_media() for _ in range(7)]
    for at, each in enumerate(media):
        vectors.put("acme", "m", "image", each, packed([1 - at / 100, 0.0, 0.0]))
    seen, after, totals = [], None, []
    while True:
        part = searcher.find(SearchRequest("acme", "red", limit=3, after=json.loads(json.dumps(after))))
        seen += [hit.entity_id for hit in part.hits]
        totals.append(part.total)
        after = part.after
        if after is None:
            break
        vectors.put("acme", "m", "image", new_media(), packed(RED))  # comes first, so that nothing stays where it was
    assert seen == media
    assert totals == [7, 8, 9]


def pages_of(searcher: Any, request: SearchRequest) -> tuple[list[str], set[int]]:
    """The ids of all hits, a page at a time, and the totals that were told."""
    hits, totals = hits_of(searcher, request)
    return [hit.entity_id for hit in hits], totals


def hits_of(searcher: Any, request: SearchRequest) -> tuple[list[Hit], set[int]]:
    """The same with all that is told of the hits."""
    seen: list[Hit] = []
    totals = set()
    while True:
        while (part := searcher.find(request)) is None:
            assert searcher.work()
        assert part.hits or part.after is None
        seen += part.hits
        totals.add(part.total)
        if part.after is None:
            return seen, totals
        request = replace(request, after=json.loads(json.dumps(part.after)))


def test_pages_neither_skip_nor_repeat_what_matches_equally_well(
    searcher, vectors: RedisVectors, new_media: NewMedia
) -> None:
    media = [new_media() for _ in range(40)]
    for each in media:
        vectors.put("acme", "m", "image", each, packed(RED))
    seen, totals = pages_of(searcher, SearchRequest("acme", "red", limit=7))
    assert sorted(seen) == sorted(media)
    assert totals == {40}


def test_as_many_are_told_as_can_be_paged_through(vectors: RedisVectors, new_media: NewMedia) -> None:
    """Of all kinds, some of whose files have vectors of pictures and of texts, and some the words of the query."""
    random = np.random.default_rng(3)
    nothing = np.zeros(3, np.float32)
    calibration = relevance.Calibration(
        relevance.Kind(nothing, 0.3, 0.1), relevance.Kind(nothing, 0.5, 0.2), sense.Nonsense(nothing, 0.0)
    )
    parts = [Part("label", "a tree"), Part("speech", "red and green"), Part("speech", "blue")]
    for number in range(120):
        kind = ("image", "document", "video")[number % 3]
        rows = random.standard_normal((3 if kind == "video" else 1, 3))
        rows /= np.linalg.norm(rows, axis=1, keepdims=True)
        vectors.put("acme", "m", kind, new_media(kind=kind), packed(*rows), parts if kind == "video" else ())
    searcher = search.Searcher(
        "m", lambda text: np.array(RED, np.float32), vectors, nameless, judge=search.Judge(calibration)
    )
    for least in (1e-9, 0.5, 0.9, 0.9999):
        for kind in (None, "video"):
            seen, totals = pages_of(searcher, SearchRequest("acme", "red", kind, limit=11, min_relevance=least))
            assert seen
            assert len(set(seen)) == len(seen)
            assert totals == {len(seen)}


def test_only_what_is_asked_for_is_found_and_counted(
    searcher, found: Search, vectors: RedisVectors, new_media: NewMedia, facts: dict[str, Any]
) -> None:
    media = [new_media() for _ in range(4)]
    for at, each in enumerate(media):
        vectors.put("acme", "m", "video", each, packed([1 - at / 100, 0.0, 0.0]))
    facts |= {
        media[0]: search.Facts(10, 100, "Beach.mp4", frozenset({"holiday"}), 5.0),
        media[1]: search.Facts(20, 200, "beach 2.mp4", frozenset({"holiday", "best"}), 60.0),
        media[2]: search.Facts(30, 300, "office.mp4", frozenset(), None),
        media[3]: search.Facts(40, 400, "Roo\u0308f.mp4", frozenset({"best"}), 7.5),
    }
    for narrowing, expected in (
        ({"created_from": 20, "created_until": 30}, [1, 2]),
        ({"min_size": 200}, [1, 2, 3]),
        ({"max_size": 200, "tag": "best"}, [1]),
        ({"min_duration": 5.0, "max_duration": 7.5}, [0, 3]),
        ({"max_duration": 1e9}, [0, 1, 3]),
        ({"filename": "BEACH"}, [0, 1]),
        ({"filename": "ro\u00d6f"}, [3]),
        ({"tag": "hol"}, []),
    ):
        assert [hit.entity_id for hit in found("red", narrowing=narrowing)] == [media[at] for at in expected]
        request = SearchRequest("acme", "red", limit=1, narrowing=narrowing)
        assert searcher.find(request).total == len(expected), narrowing


def test_a_length_that_becomes_known_is_seen_in_time(
    found: Search, vectors: RedisVectors, new_media: NewMedia, facts: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    media = new_media()
    vectors.put("acme", "m", "video", media, packed(RED))
    known = pytest.importorskip("handlers.embedding.search.facts")
    assert found("red", narrowing={"min_duration": 1.0}) == []
    facts[media] = search.Facts(0, 1, "a", frozenset(), 2.0)
    monkeypatch.setattr(known, "_LENGTHS_FOR", -1.0)
    assert [hit.entity_id for hit in found("red", narrowing={"min_duration": 1.0})] == [media]


def test_equal_files_are_one_hit_and_alike_ones_are_not(
    found: Search, vectors: RedisVectors, new_media: NewMedia, digests: dict[str, str]
) -> None:
    first, copy, alike, unknown = (new_media(filename=f"{name}.jpg") for name in "abcd")
    for each in (first, copy, alike, unknown):
        vectors.put("acme", "m", "image", each, packed(RED))
    digests |= {first: "1" * 64, copy: "1" * 64, alike: "2" * 64}
    hits = found("red")
    assert len(hits) == 3
    (grouped,) = [hit for hit in hits if hit.duplicates]
    assert {grouped.entity_id, grouped.duplicates[0]["entity_id"]} == {first, copy}


def test_copies_of_the_last_hit_of_a_page_are_not_hits_of_the_next(
    searcher, vectors: RedisVectors, new_media: NewMedia, digests: dict[str, str]
) -> None:
    copies, others = [new_media() for _ in range(3)], [new_media() for _ in range(2)]
    for each in copies:
        vectors.put("acme", "m", "image", each, packed(RED))
        digests[each] = "1" * 64
    for at, each in enumerate(others):
        vectors.put("acme", "m", "image", each, packed([0.9 - at / 10, 0.1, 0.0]))
    first = searcher.find(SearchRequest("acme", "red", limit=1))
    (hit,) = first.hits
    assert {hit.entity_id, *(each["entity_id"] for each in hit.duplicates)} == set(copies)
    second = searcher.find(SearchRequest("acme", "red", limit=1, after=first.after))
    assert [hit.entity_id for hit in second.hits] == others[:1]
    assert searcher.find(SearchRequest("acme", "red", limit=2, after=first.after)).after is None


@pytest.mark.parametrize("limit", [1, 2, 3, 7, 100])
@pytest.mark.parametrize("asked", [{}, {"entity_type": "image", "min_similarity": 0.5}, {"narrowing": {"min_size": 9}}])
def test_a_copy_of_a_hit_is_no_hit_of_any_page(
    searcher,
    vectors: RedisVectors,
    new_media: NewMedia,
    facts: dict[str, Any],
    digests: dict[str, str],
    limit: int,
    asked: dict[str, Any],
) -> None:
    """Copies that match worse, by their names, say, stand far behind, between others."""
    media = [new_media() for _ in range(20)]
    for at, each in enumerate(media):
        vectors.put("acme", "m", "image", each, packed([1 - at / 20, 0.0, 0.0]))
        facts[each] = search.Facts(0, 9 if at != 15 else 8, "x.jpg", frozenset())
        digests[each] = f"{at % 6:064}"
    request = SearchRequest("acme", "red", limit=limit, **asked)
    hits, totals = hits_of(searcher, request)
    matching = (
        media[:11] if "min_similarity" in asked else [each for each in media if facts[each].size == 9 or not asked]
    )
    assert [hit.entity_id for hit in hits] == media[:6]
    told = {hit.entity_id: [each["entity_id"] for each in hit.duplicates] for hit in hits}
    assert told == {media[at]: [each for each in media[at + 6 :: 6] if each in matching] for at in range(6)}
    assert totals == {len(matching)}


def test_a_digest_that_becomes_known_after_the_vectors_is_seen(
    searcher, vectors: RedisVectors, new_media: NewMedia, digests: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [100.0]
    monkeypatch.setattr("handlers.embedding.index.copies.time.monotonic", lambda: now[0])
    first, copy = new_media(), new_media()
    for each in (first, copy):
        vectors.put("acme", "m", "image", each, packed(RED))
    assert len(searcher.answer(SearchRequest("acme", "red"))) == 2
    digests |= dict.fromkeys((first, copy), "1" * 64)
    now[0] += 1.0
    (hit,) = searcher.answer(SearchRequest("acme", "red"))
    assert len(hit.duplicates) == 1


def test_a_copy_takes_the_place_of_a_hit_that_is_deleted(
    searcher, vectors: RedisVectors, new_media: NewMedia, digests: dict[str, str], redis: Redis, keys: Keys
) -> None:
    first, copy, third, other = (new_media() for _ in range(4))
    for each, red in ((first, 1.0), (copy, 0.8), (third, 0.7), (other, 0.9)):
        vectors.put("acme", "m", "image", each, packed([red, 0.0, 0.0]))
        digests[each] = "2" * 64 if each == other else "1" * 64
    assert [hit.entity_id for hit in searcher.answer(SearchRequest("acme", "red"))] == [first, other]
    redis.delete(keys.media(first))  # its vectors go with it; a search may see the one before the other
    assert [hit.entity_id for hit in searcher.answer(SearchRequest("acme", "red"))] == [other, copy]
    vectors.delete("acme", first)
    hits = searcher.answer(SearchRequest("acme", "red"))
    assert [(hit.entity_id, [each["entity_id"] for each in hit.duplicates]) for hit in hits] == [
        (other, []),
        (copy, [third]),
    ]


def test_what_is_like_a_file_is_found_by_all_of_its_parts(searcher, vectors: RedisVectors, new_media: NewMedia) -> None:
    film, red, blue, other = (new_media() for _ in range(4))
    vectors.put("acme", "m", "video", film, packed(RED, BLUE))
    for each, colour in ((red, RED), (blue, BLUE), (other, GREEN)):
        vectors.put("acme", "m", "image", each, packed(colour))
    answer = searcher.find(SearchRequest("acme", like=film))
    assert {hit.entity_id: hit.similarity for hit in answer.hits} == {red: 1.0, blue: 1.0, other: 0.0}
    assert answer.total == 3
    with pytest.raises(NotIndexed):
        searcher.find(SearchRequest("acme", like=new_media()))
    with pytest.raises(NotIndexed):
        searcher.find(SearchRequest("rival", like=film))


def test_a_file_with_broken_vectors_neither_hinders_others_nor_is_like_them(
    searcher, vectors: RedisVectors, new_media: NewMedia
) -> None:
    broken, red = new_media(), new_media()
    vectors.put("acme", "m", "image", red, packed(RED), [Part("picture")])
    vectors.put("acme", "m", "image", broken, packed([float("nan"), 1.0, float("inf")]), [Part("picture")])
    for request in (SearchRequest("acme", "red"), SearchRequest("acme", like=broken), SearchRequest("acme", like=red)):
        found = searcher.find(request)
        json.dumps([asdict(hit) for hit in found.hits], allow_nan=False)
        like = {hit.entity_id: hit.similarity for hit in found.hits}
        assert like.get(broken, 0.0) == 0.0
        assert like.get(red) == (0.0 if request.like == broken else None if request.like else 1.0)


def test_a_hit_says_where_and_why(found: Search, vectors: RedisVectors, new_media: NewMedia) -> None:
    report, film, photo, old = (new_media(filename=name) for name in ("r.pdf", "f.mp4", "Red fox.jpg", "old.jpg"))
    passages = [Part("passage", "nothing"), Part("passage", "Redder than Red: a credo", page=3, offset=40)]
    vectors.put("acme", "m", "document", report, packed(GREEN, RED), passages)
    vectors.put("acme", "m", "video", film, packed([0.8, 0.6, 0.0]), [Part("speech", "hello", 1.5, 4.0)])
    vectors.put("acme", "m", "image", photo, packed([0.6, 0.8, 0.0]), [Part("label", "fox")])
    vectors.put("acme", "m", "image", old, packed(GREEN))
    told = {hit.entity_id: hit.places for hit in found("red")}
    (passage,) = told[report]
    assert (passage["matched"], passage["page"], passage["offset"], passage["similarity"]) == ("passage", 3, 40, 1.0)
    assert [passage["text"][start:end] for start, end in passage["marks"]] == ["Red"]
    assert (told[film][0]["matched"], told[film][0]["start"], told[film][0]["end"]) == ("speech", 1.5, 4.0)
    assert [(place["matched"], place["text"]) for place in told[photo]] == [("name", "Red fox.jpg"), ("label", "fox")]
    assert told[photo][0]["marks"] == [[0, 3]]
    assert told[old] == []


def test_a_hit_shows_the_part_that_has_the_words_of_the_query(vectors: RedisVectors, new_media: NewMedia) -> None:
    manual, film = new_media(kind="document"), new_media(kind="video")
    passages = [
        Part("passage", "Chapter one", page=1),
        Part("passage", "What we guarantee", page=2),
        Part("passage", "Chapter one", page=3),
        Part("passage", "The warranty ends in May", page=4, offset=70),
    ]
    said = [Part("label"), Part("label"), Part("speech", "our warranty for a lawnmower", 4.5, 9.0)]
    near, nearer = [0.5, 0.866, 0.0], [0.6, 0.8, 0.0]
    vectors.put("acme", "m", "document", manual, packed(GREEN, nearer, GREEN, near), passages)
    vectors.put("acme", "m", "video", film, packed(nearer, nearer, near), said)
    searcher = search.Searcher("m", lambda text: np.array(RED, np.float32), vectors, nameless)
    request = SearchRequest("acme", "the warranty of a lawnmower")
    while (hits := searcher.answer(request)) is None:
        assert searcher.work()
    told = {hit.entity_id: hit for hit in hits}
    first, second = told[manual].places
    assert (first["page"], first["offset"], first["similarity"], first["marks"]) == (4, 70, 0.5, [[4, 12]])
    assert (second["page"], second["similarity"]) == (2, pytest.approx(0.6, abs=1e-3))
    assert (told[film].places[0]["matched"], told[film].places[0]["start"]) == ("speech", 4.5)
    assert [hit.similarity for hit in hits] == pytest.approx([0.6, 0.6], abs=1e-3)  # of the part that is nearest


@pytest.mark.parametrize(
    ("query", "text", "marked"),
    [
        ("running dogs", "The dog runs. A DOG was running.", ["running"]),
        ("painted houses", "Painting a house; houseboat", ["Painting", "house"]),
        ("Größe", "GRÖSSE und größer", ["GRÖSSE", "größer"]),
        ("a", "an a", ["a"]),
        ("", "anything", []),
        ("which is the bridge?", "The bridge is the longest", ["bridge"]),
        ("The The", "the band and the song", ["the", "the"]),
        ("🎬 日本語", "日本語 🎬", ["日本語"]),
        ("北京", "我住在北京市。北京很大", ["北京", "北京"]),
        ("中国的首都", "中国首都", ["中国首都"]),
        ("犬", "犬と猫", ["犬"]),
        ("हिन्दी", "यह हिन्दी है", ["हिन्दी"]),
        ("brucken strasse", "Straße und Brücken", ["Straße", "Brücken"]),
        ("red fox", "IMG_red_fox.jpg", ["red", "fox"]),
        ("서울", "어제 서울에서", ["서울"]),
        ("Lodz", "w \u0141\u00f3d\u017a", ["\u0141\u00f3d\u017a"]),
        ("hyphenated words", "a hyphen-\nated word; a hyphen", ["hyphen", "ated", "word"]),
    ],
)
def test_words_are_marked_in_some_of_their_forms(query: str, text: str, marked: list[str]) -> None:
    places = pytest.importorskip("handlers.embedding.search.places")
    assert [text[start:end] for start, end in places.marks(query, text)] == marked


def test_a_name_that_no_model_knows_is_found_by_its_words(
    vectors: RedisVectors, new_media: NewMedia, redis: Redis, keys: Keys
) -> None:
    named, like = new_media(filename="Klootwijk.jpg"), new_media(filename="other.jpg")
    said, long = new_media(kind="video"), new_media(kind="document")
    vectors.put("acme", "m", "image", named, packed([0.0, 0.6, 0.8]))
    vectors.put("acme", "m", "image", like, packed([0.25, 0.0, 0.95]))
    vectors.put(
        "acme", "m", "video", said, packed(BLUE, [0.2, 0.0, 0.98]), [Part("label"), Part("speech", "red Klootwijk")]
    )
    vectors.put("acme", "m", "document", long, packed(BLUE), [Part("passage", "red or green")])

    def names_of(tenant: str, ids: list[str]) -> dict[str, str]:
        return {media_id: redis.hget(keys.media(media_id), "filename") for media_id in ids}

    searcher = search.Searcher("m", lambda text: np.array(RED, np.float32), vectors, nameless, names_of=names_of)
    while (hits := searcher.answer(SearchRequest("acme", "klootwijk"))) is None:
        assert searcher.work()
    assert [hit.entity_id for hit in hits] == [said, named, like, long]
    assert [hit.similarity for hit in hits] == pytest.approx([0.2, 0.0, 0.25, 0.0], abs=1e-3)
    only = searcher.answer(SearchRequest("acme", "klootwijk", "image"))
    assert [hit.entity_id for hit in only] == [named, like]
    vectors.delete("acme", said)
    assert searcher.answer(SearchRequest("acme", "klootwijk", limit=1))[0].entity_id == named


def test_what_is_not_relevant_is_not_answered_and_kinds_are_compared_by_it(
    vectors: RedisVectors, new_media: NewMedia
) -> None:
    """Texts score higher than pictures: a picture of a lower cosine can be the better answer."""
    picture, passage, wrong = new_media(), new_media(kind="document"), new_media()
    vectors.put("acme", "m", "image", picture, packed([0.6, 0.8, 0.0]))
    vectors.put("acme", "m", "document", passage, packed([0.75, 0.66, 0.0]))
    vectors.put("acme", "m", "image", wrong, packed([0.2, 0.98, 0.0]))
    nothing = np.zeros(3, np.float32)
    calibration = relevance.Calibration(
        relevance.Kind(nothing, 0.3, 0.1), relevance.Kind(nothing, 0.6, 0.1), sense.Nonsense(nothing, 0.0)
    )
    searcher = search.Searcher(
        "m", lambda text: np.array(RED, np.float32), vectors, nameless, judge=search.Judge(calibration)
    )
    while (hits := searcher.answer(SearchRequest("acme", "red", min_relevance=0.5))) is None:
        assert searcher.work()
    assert [hit.entity_id for hit in hits] == [picture, passage]
    assert 1 > hits[0].relevance > hits[1].relevance > 0.5
    every = searcher.answer(SearchRequest("acme", "red"))
    assert [hit.entity_id for hit in every] == [picture, passage, wrong]
    assert every[2].relevance < 0.5
    (less,) = searcher.answer(SearchRequest("acme", "red", min_similarity=0.7))
    assert less.entity_id == passage


def test_of_documents_each_word_of_a_query_counts(vectors: RedisVectors, new_media: NewMedia) -> None:
    query = "the warranty of a lawnmower"
    written, like = new_media(kind="document"), new_media(kind="document")
    named, seen = new_media(), new_media()
    vectors.put("acme", "m", "document", written, packed([0.5, 0.866, 0.0]), [Part("passage", "the warranty ends")])
    vectors.put("acme", "m", "document", like, packed([0.52, 0.854, 0.0]), [Part("passage", "we guarantee it")])
    vectors.put("acme", "m", "image", named, packed([0.5, 0.866, 0.0]), [Part("label", "warranty")])
    vectors.put("acme", "m", "image", seen, packed([0.52, 0.854, 0.0]), [Part("label", "meadow")])
    nothing = np.zeros(3, np.float32)
    kind = relevance.Kind(nothing, 0.4, 0.1)

    def found(of: str, pieces: Callable[[str], int], start: float = 0.0) -> list[str]:
        judge = search.Judge(relevance.Calibration(kind, kind, sense.Nonsense(nothing, start)), pieces)
        searcher = search.Searcher("m", lambda text: np.array(RED, np.float32), vectors, nameless, judge=judge)
        while (hits := searcher.answer(SearchRequest("acme", query, of))) is None:
            assert searcher.work()
        return [hit.entity_id for hit in hits]

    assert found("document", lambda word: 1) == [written, like]
    assert found("image", lambda word: 1) == [seen, named]
    assert found("document", lambda word: 1, -0.5) == [written, like]  # nor where there is some doubt that it means any
    assert found("document", len) == [like, written]  # of a query that means nothing, one word of many tells nothing


@pytest.mark.parametrize("taken_apart", [True, False], ids=["by their pieces", "by their vector"])
def test_a_query_of_letters_finds_only_what_has_it_written(
    vectors: RedisVectors, new_media: NewMedia, taken_apart: bool
) -> None:
    near, written = new_media(), new_media(kind="document")
    vectors.put("acme", "m", "image", near, packed(RED))
    vectors.put("acme", "m", "document", written, packed([0.3, 0.95, 0.0]), [Part("passage", "order xkqvz of May")])
    nothing = np.zeros(3, np.float32)
    kind = relevance.Kind(nothing, 0.4, 0.1)
    letters, words = np.array([0.8, 0.0, 0.6], np.float32), np.array([0.8, 0.0, -0.6], np.float32)
    pieces = (lambda word: len(word) if word == "xkqvz" else 1) if taken_apart else lambda word: 1
    nonsense = sense.Nonsense(nothing if taken_apart else np.array([0.0, 0.0, 2.0], np.float32), 0.0)
    searcher = search.Searcher(
        "m",
        lambda text: letters if text == "xkqvz" else words,
        vectors,
        nameless,
        judge=search.Judge(relevance.Calibration(kind, kind, nonsense), pieces),
    )
    while (hits := searcher.answer(SearchRequest("acme", "xkqvz", min_relevance=0.5))) is None:
        assert searcher.work()
    assert [hit.entity_id for hit in hits] == [written]
    assert [hit.entity_id for hit in searcher.answer(SearchRequest("acme", "order", min_relevance=0.5))] == [
        near,
        written,
    ]
    assert [hit.entity_id for hit in searcher.answer(SearchRequest("acme", "xkqvz"))] == [written, near]
