"""Guards a change of model: the old generation answers until the new one lacks nothing; each file is counted once."""

from collections.abc import Callable, Iterator

import pytest
from redis import Redis

from broker.engine.keys import Keys
from broker.media.generations import GONE_AFTER, Generations, Progress, Step
from broker.media.vectors import RedisVectors
from tests.search_fixtures import Make, NewMedia

KEEP = 7 * 86_400.0
Lead = Callable[..., list[str]]


@pytest.fixture
def generations(redis: Redis, keys: Keys) -> Generations:
    return Generations(redis, keys)


@pytest.fixture
def lead(generations: Generations, redis: Redis, keys: Keys) -> Lead:
    """Makes steps until there is nothing more to do at once; answers the files that were handed out."""

    def go(most: int = 100, keep_seconds: float = KEEP, limit: int = 3) -> list[str]:
        generations.want()
        redis.zadd(keys.generations_due(), {"acme": 0}, xx=True)
        handed: list[str] = []
        for _ in range(100):
            if "acme" not in generations.due(10):
                return handed
            step = generations.step("acme", limit=limit, most=most - len(handed), keep_seconds=keep_seconds)
            handed += [media_id for media_id, _ in step.files] if step else []
        raise AssertionError("there is always more to do")

    return go


@pytest.fixture
def put(vectors: RedisVectors) -> Callable[[str, str], None]:
    def stored(generation: str, media_id: str) -> None:
        vectors.put("acme", generation, "image", media_id, [generation[-1:].encode()])

    return stored


def counts(progress: Progress) -> tuple[int, int, int, int]:
    return progress.total, progress.done, progress.missing, progress.failed


def kept(vectors: RedisVectors, generation: str) -> set[str]:
    return {each.entity_id for each in vectors.all("acme", generation)}


@pytest.fixture
def old(make: Make, lead: Lead, new_media: NewMedia, put: Callable[[str, str], None]) -> list[str]:
    """Seven files of generation ``m+1``, which answers."""
    make("m+1")
    media = [new_media() for _ in range(7)]
    for each in media:
        put("m+1", each)
    lead()
    return media


def test_the_first_generation_answers_at_once(old: list[str], generations: Generations) -> None:
    progress = generations.progress("acme")
    assert (progress.active, progress.next, progress.counted) == ("m+1", None, True)
    assert counts(progress) == (7, 7, 0, 0)
    assert generations.standing("acme", "m+1").settled
    assert generations.location("m+1") == "/models/m+1"
    assert generations.due(10) == [], "nobody looks at a tenant of one generation again"


def test_workers_of_two_generations_do_not_take_turns(make: Make, generations: Generations, redis: Redis, keys: Keys):
    make("b")
    assert generations.want() == "b"
    make("b", "a")
    assert generations.want() == "a", "who came last is the newest, whatever it is called"
    for alive in (["b"], ["b", "a"], ["b"], ["a"]):
        make(*alive)
        assert generations.want() == "a"
    make("b")
    redis.zincrby(keys.generations_seen(), -(GONE_AFTER + 1) * 1e6, "a")
    assert generations.want() == "b", "the workers of the newer one do not come back"
    make("b", "a")
    assert generations.want() == "a"
    make()
    assert generations.want() == "a", "without any worker all stays as it is"


def test_the_old_one_answers_until_the_new_one_lacks_nothing(
    old: list[str], make: Make, lead: Lead, put: Callable[[str, str], None], generations: Generations
) -> None:
    make("m+1", "m+2")
    assert set(lead(most=4)) < set(old)
    progress = generations.progress("acme")
    assert (progress.active, progress.next, progress.tasks, progress.counted) == ("m+1", "m+2", 4, True)
    assert counts(progress) == (7, 0, 7, 0)
    (first, *handed) = [media_id for media_id, _ in generations.handed("acme", 10)]
    put("m+2", first)
    assert counts(generations.progress("acme")) == (7, 1, 6, 0)
    assert set(lead(most=10)) == set(old) - {first, *handed}, "what was handed out is not handed out twice"
    for each in old[:]:
        assert generations.progress("acme").active == "m+1"
        put("m+2", each)
    lead()
    progress = generations.progress("acme")
    assert (progress.active, progress.next) == ("m+2", None)
    assert counts(progress) == (7, 7, 0, 0)
    assert progress.switched_at is not None
    assert [(each.name, each.files, each.state) for each in progress.generations] == [
        ("m+1", 7, "kept"),
        ("m+2", 7, "active"),
    ]


def test_uploads_and_deletions_meanwhile_are_counted(
    old: list[str],
    make: Make,
    lead: Lead,
    put: Callable[[str, str], None],
    generations: Generations,
    new_media: NewMedia,
    vectors: RedisVectors,
) -> None:
    make("m+1", "m+2")
    lead(most=0)
    by_old, by_new = new_media(), new_media()
    put("m+1", by_old)
    put("m+2", by_new)
    vectors.delete("acme", old[0])
    assert counts(generations.progress("acme")) == (8, 1, 7, 0)
    assert set(lead()) == {*old[1:], by_old}
    put("m+2", old[1])
    vectors.delete("acme", old[1])
    assert counts(generations.progress("acme")) == (7, 1, 6, 0)
    assert kept(vectors, "m+2") == {by_new}, "the end of a file is its end in all generations"


def test_what_cannot_be_embedded_anew_holds_up_nothing_and_keeps_what_it_had(
    old: list[str],
    make: Make,
    lead: Lead,
    put: Callable[[str, str], None],
    generations: Generations,
    vectors: RedisVectors,
) -> None:
    make("m+2")
    assert set(lead()) == set(old)
    bad, again, *good = old
    for each in good:
        put("m+2", each)
    handed = dict(generations.handed("acme", 10))
    assert set(handed) == {bad, again}
    assert not generations.settle("acme", "m+2", bad, handed[bad] + 1, "a task of before")
    assert not generations.settle("acme", "m+1", bad, handed[bad], "a task for another generation")
    assert generations.settle("acme", "m+2", bad, handed[bad], "not a picture")
    assert generations.settle("acme", "m+2", again, handed[again])
    assert counts(generations.progress("acme")) == (7, 5, 1, 1)
    assert lead() == [again]
    put("m+2", again)
    lead()
    progress = generations.progress("acme")
    assert progress.active == "m+2"
    assert progress.failures == [{"entity_id": bad, "error": "not a picture"}]
    assert not generations.standing("acme", "m+2").settled, "one file is to be found by what it had"
    lead(keep_seconds=0)
    assert kept(vectors, "m+1") == {bad}
    put("m+2", bad)
    assert counts(generations.progress("acme")) == (7, 7, 0, 0)


def test_the_old_one_is_kept_for_a_while_and_then_removed(
    old: list[str],
    make: Make,
    lead: Lead,
    put: Callable[[str, str], None],
    vectors: RedisVectors,
    redis: Redis,
    keys: Keys,
    generations: Generations,
) -> None:
    make("m+2")
    lead()
    for each in old:
        put("m+2", each)
    lead()
    assert kept(vectors, "m+1") == set(old)
    lead()
    assert kept(vectors, "m+1") == set(old)
    redis.hincrby(keys.generation("acme"), "left:m+1", -int((KEEP + 1) * 1e6))
    lead()
    assert kept(vectors, "m+1") == set()
    assert kept(vectors, "m+2") == set(old)
    assert not [each for each in redis.keys("*") if each.endswith("acme:m+1")], "nothing of it is left"
    lead()
    assert [each.name for each in generations.progress("acme").generations] == ["m+2"]


def test_workers_that_come_back_find_what_was_kept(
    old: list[str],
    make: Make,
    lead: Lead,
    put: Callable[[str, str], None],
    generations: Generations,
    redis: Redis,
    keys: Keys,
    new_media: NewMedia,
) -> None:
    make("m+2")
    lead()
    later = new_media()
    for each in [*old, later]:
        put("m+2", each)
    lead()
    make("m+1")
    redis.zincrby(keys.generations_seen(), -(GONE_AFTER + 1) * 1e6, "m+2")
    assert lead() == [later], "only what came after the switch is embedded anew"
    assert generations.progress("acme").active == "m+2"
    put("m+1", later)
    lead()
    assert generations.progress("acme").active == "m+1"


def test_newer_vectors_of_another_generation_put_the_new_ones_out_of_date(
    old: list[str],
    make: Make,
    lead: Lead,
    put: Callable[[str, str], None],
    generations: Generations,
    vectors: RedisVectors,
) -> None:
    """What is said in a film becomes known, and a worker of the former release embeds it."""
    make("m+1", "m+2")
    lead()
    put("m+2", old[0])
    put("m+1", old[0])
    assert kept(vectors, "m+2") == set()
    assert counts(generations.progress("acme")) == (7, 0, 7, 0)


def test_files_of_one_microsecond_are_all_looked_at(
    old: list[str], make: Make, lead: Lead, redis: Redis, keys: Keys
) -> None:
    redis.zadd(keys.media_index("acme", "image"), dict.fromkeys(old, 5))
    make("m+2")
    assert set(lead(limit=2)) == set(old)


def test_what_an_earlier_release_has_stored_without_a_note_is_found(
    old: list[str], make: Make, lead: Lead, redis: Redis, keys: Keys, new_media: NewMedia, generations: Generations
) -> None:
    make("m+2")
    lead()
    unnoted = new_media()
    redis.hset(keys.vectors("acme", "m+1"), unnoted, "image 1\n1")
    redis.xadd(keys.vector_changes("acme", "m+1"), {"media": unnoted}, id="99-1")
    redis.hincrby(keys.generation("acme"), "walked_at", -61_000_000)
    assert lead() == [unnoted]
    assert counts(generations.progress("acme")) == (8, 0, 8, 0)


def test_a_step_that_is_repeated_changes_nothing(old: list[str], make: Make, generations: Generations) -> None:
    """A daemon is killed between a step and its tasks, or two of them are at it."""
    make("m+2")
    generations.want()
    steps: Iterator[Step | None] = (generations.step("acme", limit=3, most=100, keep_seconds=KEEP) for _ in range(10))
    handed = [media_id for step in steps if step for media_id, _ in step.files]
    assert sorted(handed) == sorted(old)
    assert counts(generations.progress("acme")) == (7, 0, 7, 0)


def test_a_tenant_without_media_has_no_state(redis: Redis, keys: Keys, make: Make, lead: Lead) -> None:
    redis.sadd(keys.tenants(), "acme")
    make("m+1")
    lead()
    assert not redis.exists(keys.generation("acme"))
    assert Generations(redis, keys).progress("acme").generations == []
