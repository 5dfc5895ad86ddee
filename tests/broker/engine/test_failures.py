"""Guards groups of failures: what differs from task to task does not tell them apart, and a resolved one returns."""

import json
import time
from typing import Any

import pytest
from redis import Redis

from broker.engine.scripts import Script
from broker.errors import NotFound
from broker.tasks.failures import Failure, Failures, FailureState
from broker.tasks.places import Order, Place
from broker.tasks.task_filters import Wanted
from tests.broker.engine.engine import Engine, at

MEDIA = "550e8400-e29b-41d4-a716-446655440000"


def fail(engine: Engine, message: str, **submitted: Any) -> str:
    """A task that has failed for good, saying so."""
    engine.submit(**submitted)
    run = engine.start()
    engine.store.fail(run.id, run.execution, message, "Trace", None, engine.no_more())
    return run.id


@pytest.fixture
def failures(engine: Engine) -> Failures:
    return Failures(engine.redis, engine.keys)


def groups(failures: Failures, **filters: Any) -> list[Failure]:
    return failures.page("acme", **filters)[0]


@pytest.mark.parametrize(
    ("messages", "cause"),
    [
        (["No file 12 of 30", "No file 7 of 1999"], "No file <n> of <n>"),
        ([f"Media {MEDIA} is gone", "Media 11111111-2222-3333-4444-aaaaaaaaaaaa is gone"], "Media <id> is gone"),
        (["open /tmp/a/b.mp4: denied", "open /srv/x: denied"], "open <path>: denied"),
        (["at 0x7fab12 it broke", "at 0xDEADBEEF it broke"], "at <hex> it broke"),
        (["digest 5d41402abc4b2a76 differs", "digest 7d793037a0760186574b differs"], "digest <hex> differs"),
        (["GET https://a.example/x?y=1 said no", "GET http://b.example said no"], "GET <url> said no"),
        (["'clip.mp4' is empty", "'other film.mov' is empty"], "'<name>' is empty"),
        (["took 1.5 s", "took 12 s", "took 1,234.5 s"], "took <n> s"),
        (["read and/or write"], "read and/or write"),
        (["unknown codec 'av'"], "unknown codec 'av'"),
        (["é" * 300 + "1", "é" * 300 + "2"], "é" * 199),
        ([""], ""),
    ],
)
def test_what_differs_from_task_to_task_is_left_out(
    engine: Engine, failures: Failures, messages: list[str], cause: str
) -> None:
    for message in messages:
        fail(engine, message)
    (group,) = groups(failures)
    assert (group.cause, group.count, group.message) == (cause, len(messages), messages[-1])


def test_other_causes_and_other_types_are_groups_of_their_own(engine: Engine, failures: Failures) -> None:
    engine.declare("Other")
    fail(engine, "boom 1")
    fail(engine, "bang 1")
    engine.submit("Other")
    run = engine.start("w1", "Other")
    engine.fail(run)
    fail(engine, "boom 2", tenant="rival")
    assert {(each.type, each.cause) for each in groups(failures)} == {
        ("Noop", "boom <n>"),
        ("Noop", "bang <n>"),
        ("Other", "boom"),
    }
    assert [each.type for each in groups(failures, types=("Other",))] == ["Other"]
    assert failures.page("rival")[1] == 1


def test_a_group_knows_when_how_often_and_which_last(engine: Engine, failures: Failures) -> None:
    ids = []
    for number in range(7):
        ids.append(fail(engine, f"boom {number}"))
        engine.advance(1)
    (group,) = groups(failures)
    assert (group.first_at, group.last_at, group.count) == (at(0), at(6), 7)
    assert group.task_ids == ids[:1:-1]


def test_only_failures_for_good_are_counted_and_poison_among_them(engine: Engine, failures: Failures) -> None:
    engine.submit()
    engine.fail(engine.start(), delay=0)
    assert groups(failures) == []
    engine.promote()
    for _ in range(3):
        engine.release(engine.start(), crashed=True)
    (group,) = groups(failures)
    assert group.count == 1
    assert group.cause == "It died (<n> times in a row; it is not tried again)"


def test_a_lost_reply_counts_once(engine: Engine, failures: Failures) -> None:
    engine.submit()
    run = engine.start()
    for _ in range(2):
        engine.fail(run)
    assert [each.count for each in groups(failures)] == [1]


class TestStates:
    def test_a_resolved_group_that_fails_again_is_open_and_says_so(self, engine: Engine, failures: Failures) -> None:
        fail(engine, "boom 1")
        (group,) = groups(failures)
        assert failures.change("acme", group.id, FailureState.RESOLVED).state == "resolved"
        assert groups(failures) == []
        engine.advance(1)
        fail(engine, "boom 2")
        (again,) = groups(failures)
        assert (again.id, again.state, again.regressed_at, again.regressions) == (group.id, "open", at(1), 1)
        assert failures.change("acme", group.id, FailureState.RESOLVED).regressed_at is None

    def test_an_ignored_group_stays_silent(self, engine: Engine, failures: Failures) -> None:
        fail(engine, "boom 1")
        (group,) = groups(failures)
        failures.change("acme", group.id, FailureState.IGNORED)
        engine.store.listen("acme", keep_us=1_000_000_000)
        fail(engine, "boom 2")
        assert groups(failures) == []
        (ignored,) = groups(failures, states=(FailureState.IGNORED,))
        assert (ignored.count, ignored.regressions) == (2, 0)
        told = [entry["kind"] for _, entry in engine.redis.xrange(engine.keys.events("acme"))]
        assert "failure" not in told

    def test_listeners_are_told_of_new_groups_and_of_those_that_return(
        self, engine: Engine, failures: Failures
    ) -> None:
        engine.store.listen("acme", keep_us=1_000_000_000)
        for number in range(3):
            fail(engine, f"boom {number}")
        (group,) = groups(failures)
        failures.change("acme", group.id, FailureState.RESOLVED)
        fail(engine, "boom 3")
        told = [entry for _, entry in engine.redis.xrange(engine.keys.events("acme")) if entry["kind"] == "failure"]
        assert [(each["failure_id"], each["news"]) for each in told] == [(group.id, "new"), (group.id, "regressed")]

    def test_another_tenants_is_not_there(self, engine: Engine, failures: Failures) -> None:
        fail(engine, "boom 1")
        (group,) = groups(failures)
        with pytest.raises(NotFound):
            failures.change("rival", group.id, FailureState.IGNORED)
        with pytest.raises(NotFound):
            failures.get("rival", group.id)


def test_its_tasks_are_found_as_long_as_they_have_failed(engine: Engine, failures: Failures) -> None:
    ids = [fail(engine, f"boom {number}") for number in range(3)]
    fail(engine, "bang")
    group = next(each for each in groups(failures) if each.count == 3)
    wanted = Wanted(failure=group.id)
    found = engine.queries.find("acme", wanted, Place(Order.OLDEST), 100)
    assert {task.id for task in found.tasks} == set(ids)
    engine.retry(ids[0])
    found = engine.queries.find("acme", wanted, Place(Order.OLDEST), 100)
    assert {task.id for task in found.tasks} == set(ids[1:])


@pytest.mark.parametrize("redis", ["valkey"], indirect=True)  # hundreds of tasks, and nothing of the loader's
def test_those_that_failed_longest_ago_make_room(engine: Engine, failures: Failures) -> None:
    for number in range(1010):
        engine.advance(0.001)
        fail(engine, "boom " + "abcdefghij"[number % 10] + "klmnopqrst"[number // 10 % 10] + "xyzuvw"[number // 100 % 6]
             + "gh"[number // 600])  # fmt: skip
    found, total = failures.page("acme", limit=2000)
    assert total == len(found) == 1000
    assert len(engine.redis.keys(engine.keys.failure("acme", "*"))) == 1000
    assert found[-1].message == "boom alxg"


@pytest.mark.parametrize("redis", ["valkey"], indirect=True)
def test_what_fails_with_one_long_word_is_found_as_fast(engine: Engine, redis: Redis) -> None:
    """What is in a message may come from a file: whose words are searched again from each letter holds up everybody."""
    find = Script("find", clock="clock_test")

    def least(tenant: str, message: str) -> float:
        """Seconds of the quickest of some searches for 80 tasks that failed so."""
        for _ in range(80):
            fail(engine, message, tenant=tenant)
        (group,) = redis.zrange(engine.keys.failures(tenant), 0, -1)
        wanted, seconds = json.dumps({"statuses": ["failed"], "failure": group}), []
        for _ in range(10):
            begin = time.perf_counter()
            found = find(redis, prefix=engine.keys.prefix, tenant=tenant, wanted=wanted, moment="", beyond="", limit=50,
                         fields=["status"])  # fmt: skip
            seconds.append(time.perf_counter() - begin)
            assert len(found) == 53
        return min(seconds)

    assert least("acme", "x" * 400) < 5 * least("rival", "xxx " * 100)
