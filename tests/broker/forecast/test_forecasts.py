"""Guards what is said of tasks that wait: on live Redis, at most a second old, and nothing is written for it."""

from datetime import datetime, timedelta

import pytest

from broker.broker import Broker
from broker.daemon.record import Record
from broker.daemon.score import Score
from broker.engine.transitions import Claim, Claimed
from broker.forecast.change import Change
from broker.forecast.estimate import Estimate
from broker.forecast.forecasts import Forecasts
from broker.task import NewTask, Task


class HandClock:
    """Turned by the test."""

    seconds = 100.0

    def monotonic(self) -> float:
        return self.seconds


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def forecasts(broker: Broker, clock: HandClock) -> Forecasts:
    return Forecasts(broker.redis, broker.keys, broker.types, clock)  # type: ignore[arg-type]


def submit(broker: Broker, **fields: object) -> Task:
    return broker.tasks.submit("acme", NewTask(type="Noop", payload={"n": 1}, **fields))[0]  # type: ignore[arg-type]


def enlist(broker: Broker, worker: str = "w1") -> None:
    broker.transitions.register_worker(worker, ttl=30, queues="Noop", fields={"pid": 1})


def run_one(broker: Broker, execution: str = "x1") -> None:
    claimed = broker.transitions.claim(Claim("w1", execution, "Noop", 60_000_000))
    assert isinstance(claimed, Claimed)
    broker.transitions.finish(claimed.id, execution, "{}", Claim("w1", "", "Noop", 60_000_000))


def seconds(later: str, earlier: str) -> float:
    return (datetime.fromisoformat(later) - datetime.fromisoformat(earlier)) / timedelta(seconds=1)


class TestEstimates:
    def test_without_a_measured_run_it_is_what_was_declared(self, broker: Broker, forecasts: Forecasts) -> None:
        enlist(broker)
        task = submit(broker)
        (found,) = forecasts.of_tasks([task.id])
        assert isinstance(found, Estimate)
        assert found.basis == "declared"
        assert 0 <= seconds(found.start.p50, found.made_at) < 1
        assert 5 <= seconds(found.finish.p50, found.start.p50) <= 20

    def test_measured_runs_are_what_counts(self, broker: Broker, forecasts: Forecasts) -> None:
        enlist(broker)
        for number in range(3):
            submit(broker)
            run_one(broker, f"x{number}")
        task = submit(broker)
        (found,) = forecasts.of_tasks([task.id])
        assert isinstance(found, Estimate)
        assert found.basis == "measured"
        assert seconds(found.finish.p90, found.start.p50) < 5

    def test_who_stands_behind_others_starts_later(self, broker: Broker, forecasts: Forecasts) -> None:
        enlist(broker)
        tasks = [submit(broker) for _ in range(10)]
        first, last = forecasts.of_tasks([tasks[0].id, tasks[9].id])
        assert isinstance(first, Estimate)
        assert isinstance(last, Estimate)
        assert 60 < seconds(last.start.p50, first.start.p50) < 200

    def test_a_scheduled_task_starts_when_it_is_due_at_the_earliest(self, broker: Broker, forecasts: Forecasts) -> None:
        enlist(broker)
        task = submit(broker, delay_seconds=600)
        (found,) = forecasts.of_tasks([task.id])
        assert isinstance(found, Estimate)
        assert task.scheduled_at
        assert abs(seconds(found.start.p10, task.scheduled_at)) < 0.01
        assert abs(seconds(found.start.p50, task.scheduled_at)) < 0.01

    @pytest.mark.parametrize("delay", [0, 60, 7200])
    def test_one_that_came_after_the_forecast_or_is_due_far_off_starts_too(
        self, broker: Broker, forecasts: Forecasts, delay: int
    ) -> None:
        enlist(broker)
        forecasts.current()
        task = submit(broker, delay_seconds=delay)
        (found,) = forecasts.of_tasks([task.id])
        assert isinstance(found, Estimate)
        assert abs(seconds(found.start.p50, task.scheduled_at or task.created_at)) < 1

    def test_why_there_is_none(self, broker: Broker, forecasts: Forecasts, clock: HandClock) -> None:
        task = submit(broker)
        assert forecasts.of_tasks([task.id]) == ["No worker listens to Noop."]
        enlist(broker)
        clock.seconds += 1
        forecasts.current()
        broker.queues.configure("Noop", paused=True)
        assert isinstance(forecasts.of_tasks([task.id])[0], Estimate)  # the forecast of a moment ago
        assert forecasts.of_tasks([task.id], {"Noop"}) == ["Noop is paused."]
        assert forecasts.of_tasks([task.id]) == ["Noop is paused."]

    def test_a_quote_of_what_goes_on_again_says_so_at_once(self, broker: Broker, forecasts: Forecasts) -> None:
        enlist(broker)
        broker.queues.configure("Noop", paused=True)
        assert forecasts.quote("Noop", 0).estimate == "Noop is paused."
        broker.queues.configure("Noop", paused=False)
        assert isinstance(forecasts.quote("Noop", 0).estimate, Estimate)

    def test_what_does_not_wait_has_none(self, broker: Broker, forecasts: Forecasts) -> None:
        enlist(broker)
        task = submit(broker)
        run_one(broker)
        assert forecasts.of_tasks([task.id, "nothing"]) == [None, None]

    def test_before_anything_is_submitted(self, broker: Broker, forecasts: Forecasts) -> None:
        enlist(broker)
        for _ in range(4):
            submit(broker)
        quoted, urgent = forecasts.quote("Noop", 0, "acme").estimate, forecasts.quote("Noop", 5, "acme").estimate
        assert isinstance(quoted, Estimate)
        assert isinstance(urgent, Estimate)
        assert seconds(quoted.start.p50, urgent.start.p50) > 20


def test_it_is_made_once_a_second_and_writes_nothing(broker: Broker, forecasts: Forecasts, clock: HandClock) -> None:
    enlist(broker)
    submit(broker)
    broker.redis.config_resetstat()
    made = forecasts.current()
    clock.seconds += 0.9
    assert forecasts.current() is made
    clock.seconds += 0.2
    assert forecasts.current() is not made
    ran = {name.removeprefix("cmdstat_") for name in broker.redis.info("commandstats")}
    reads = {"fcall", "exists", "get", "hget", "hgetall", "hlen", "hmget", "lindex", "smembers", "time"}
    reads |= {"xrange", "zcard", "zrange", "zrangebyscore", "zrevrange", "zscore"}
    assert ran <= reads | {"config|resetstat", "info", "client|setinfo", "hello"}


def test_what_has_just_come_is_part_of_what_a_change_would_do(broker: Broker, forecasts: Forecasts) -> None:
    enlist(broker)
    made = forecasts.current()
    submit(broker)
    before, after = forecasts.what_if(Change(weights={"acme": 2}))
    waiting = {each.type: each.total.tasks for each in before}
    assert waiting["Noop"] == 1
    assert {each.type: each.total.tasks for each in after} == waiting
    assert forecasts.current() is not made


def test_the_daemon_scores_what_has_started(broker: Broker) -> None:
    enlist(broker)
    tasks = [submit(broker) for _ in range(2)]
    chore = Score(broker.redis, broker.keys, broker.types, broker.forecasts, seed=1)
    chore.tick()
    chore.tick()  # nothing has started
    assert broker.forecasts.accuracies.read(["Noop"]) == {"Noop": None}
    run_one(broker)
    broker.tasks.cancel("acme", tasks[1].id)
    chore.tick()
    chore.tick()
    found = broker.forecasts.accuracies.read(["Noop"])["Noop"]
    assert found
    assert found.starts == 1


def test_the_daemon_looks_again_when_the_next_ten_seconds_are_over(broker: Broker) -> None:
    chore = Record(broker.redis, broker.keys, broker.types)
    assert 0 < chore.tick() <= 10.05
