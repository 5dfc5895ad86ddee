"""Guards what is refused because it could not start in time, and when there is room again for what is too many."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from broker.broker import Broker
from broker.config import BrokerSettings
from broker.errors import DeadlineImpossible, InvalidInput, QueueFull
from broker.task import NewTask, Task
from broker.task_type import TaskType


def within(seconds: float) -> str:
    return (datetime.now(UTC) + timedelta(seconds=seconds)).isoformat()


def new(**fields: object) -> NewTask:
    return NewTask("Noop", {"n": 1}, **fields)  # type: ignore[arg-type]


def submit(broker: Broker, **fields: object) -> Task:
    return broker.tasks.submit("acme", new(**fields))[0]


@pytest.fixture
def busy(settings: BrokerSettings, types: dict[str, TaskType]) -> Iterator[Broker]:
    """One worker, and twenty tasks before whatever comes, which take ten seconds each as far as anybody knows."""
    broker = Broker.connect(replace(settings, max_pending=25), types)
    broker.transitions.register_worker("w1", ttl=30, queues="Noop", fields={"pid": 1})
    broker.tasks.submit_many("acme", [new()] * 20)
    yield broker


class TestDeadlines:
    def test_one_that_leaves_time_is_kept_with_the_task(self, busy: Broker) -> None:
        task = submit(busy, deadline=within(3600))
        assert task.deadline
        assert abs(datetime.fromisoformat(task.deadline) - datetime.now(UTC) - timedelta(hours=1)) < timedelta(
            seconds=9
        )
        assert submit(busy).deadline is None

    def test_one_before_which_the_forecast_sees_no_start_is_refused(self, busy: Broker) -> None:
        with pytest.raises(DeadlineImpossible) as refused:
            submit(busy, deadline=within(10))
        start = datetime.fromisoformat(refused.value.extra["earliest_start"])
        assert 60 < (start - datetime.now(UTC)).total_seconds() < 250
        assert refused.value.extra["earliest_start"] in refused.value.message
        assert busy.tasks.page("acme").total == 20
        assert submit(busy, deadline=within(10), priority=5).deadline  # before all of them

    def test_so_is_one_before_the_task_is_due(self, busy: Broker) -> None:
        with pytest.raises(DeadlineImpossible):
            submit(busy, deadline=within(3600), delay_seconds=4000)
        with pytest.raises(DeadlineImpossible):
            submit(busy, deadline=within(3600), scheduled_at=within(4000))
        assert submit(busy, deadline=within(3600), delay_seconds=3000).deadline

    def test_or_before_what_it_depends_on_is(self, busy: Broker) -> None:
        other = submit(busy, delay_seconds=4000)
        with pytest.raises(DeadlineImpossible):
            submit(busy, deadline=within(3600), depends_on=[other.id])
        assert submit(busy, deadline=within(5000), depends_on=[other.id]).waiting_for == [other.id]

    def test_of_a_batch_each_is_named_and_none_is_accepted(self, busy: Broker) -> None:
        first = "550e8400-e29b-41d4-a716-446655440000"
        batch = [
            new(id=first, delay_seconds=4000),
            new(deadline=within(3600)),
            new(deadline=within(3600), depends_on=[first]),
            new(deadline=within(10)),
        ]
        with pytest.raises(DeadlineImpossible) as refused:
            busy.tasks.submit_many("acme", batch)
        assert [each["pointer"] for each in refused.value.extra["errors"]] == ["/tasks/2/deadline", "/tasks/3/deadline"]
        assert busy.tasks.page("acme").total == 20

    def test_the_tasks_before_it_in_its_batch_count(self, settings: BrokerSettings, types: dict[str, TaskType]) -> None:
        broker = Broker.connect(settings, types)
        broker.transitions.register_worker("w1", ttl=30, queues="Noop", fields={"pid": 1})
        with pytest.raises(DeadlineImpossible) as refused:
            broker.tasks.submit_many("acme", [new(deadline=within(60))] + [new()] * 50 + [new(deadline=within(60))])
        assert [each["pointer"] for each in refused.value.extra["errors"]] == ["/tasks/51/deadline"]

    def test_groups_of_a_batch_wait_for_one_another(self, settings: BrokerSettings, types: dict[str, TaskType]) -> None:
        """Each would be at once, were it alone: together they take 300 s."""
        broker = Broker.connect(settings, types)
        broker.transitions.register_worker("w1", ttl=30, queues="Noop", fields={"pid": 1})
        batch = [new(group=f"user-{number}", deadline=within(90)) for number in range(30)]
        with pytest.raises(DeadlineImpossible) as refused:
            broker.tasks.submit_many("acme", batch)
        assert 8 <= len(refused.value.extra["errors"]) <= 25

    @pytest.mark.parametrize("obstacle", ["pause", "no worker"])
    def test_what_may_be_over_at_once_refuses_nothing(self, busy: Broker, obstacle: str) -> None:
        if obstacle == "pause":
            busy.queues.configure("Noop", paused=True)
        else:
            busy.transitions.unregister_worker("w1", "Noop")
        assert submit(busy, deadline=within(5)).deadline

    def test_one_that_has_passed_is_no_deadline(self, broker: Broker) -> None:
        with pytest.raises(InvalidInput) as refused:
            submit(broker, deadline=within(-1))
        assert [each["pointer"] for each in refused.value.extra["errors"]] == ["/deadline"]

    def test_a_repetition_is_answered_as_the_first_was(self, busy: Broker) -> None:
        """Whatever has become of the queue, and of the deadline."""
        asked = {"id": "550e8400-e29b-41d4-a716-446655440000", "priority": 9, "deadline": within(3600)}
        first = submit(busy, **asked)
        assert busy.tasks.submit("acme", new(**asked | {"deadline": within(-5)})) == (first, False)
        keyed = submit(busy, unique_key="k", priority=9, deadline=within(3600))
        assert busy.tasks.submit("acme", new(unique_key="k", deadline=within(1))) == (keyed, False)


class TestRoom:
    def refused(self, broker: Broker, tasks: int) -> float:
        with pytest.raises(QueueFull) as full:
            broker.tasks.submit_many("acme", [new()] * tasks)
        return float(full.value.extra["retry_after"])

    def test_there_is_some_when_as_many_have_started_as_are_too_many(self, busy: Broker) -> None:
        """Of 25 that may wait, one every ten seconds starts."""
        busy.tasks.submit_many("acme", [new()] * 5)
        one, four = self.refused(busy, 1), self.refused(busy, 11)
        assert one < 15
        assert 60 < four < 150

    def test_where_nobody_knows_it_is_a_minute(self, busy: Broker) -> None:
        busy.queues.configure("Noop", paused=True)
        assert self.refused(busy, 6) == 60

    def test_more_than_may_ever_wait_is_told_so(self, busy: Broker) -> None:
        with pytest.raises(QueueFull, match="At most 25 Noop tasks may wait; these are 26"):
            busy.tasks.submit_many("acme", [new()] * 26)
