"""Guards the broker's face: what callers get and which error tells them what to do instead."""

import uuid
from dataclasses import replace

import pytest
from marshmallow import fields

from broker.broker import Broker
from broker.config import BrokerSettings
from broker.engine.transitions import Claim, Claimed
from broker.errors import (
    InvalidInput,
    NotCancellable,
    NotFailed,
    NotFound,
    QueueFull,
    RetriesExhausted,
    TaskBrokerError,
    Unavailable,
    UniqueKeyTaken,
)
from broker.media.records import MediaRecord
from broker.schema import Schema
from broker.status import Status
from broker.task import NewTask
from broker.task_type import TaskType
from broker.tasks.submission import MAX_BATCH
from broker.tasks.task_filters import Wanted
from tests.conftest import AnyPayload
from tests.servers import SERVER, own_server
from tests.waiting import wait_until

ID = "550e8400-e29b-41d4-a716-446655440000"


def submit(broker: Broker, **fields: object) -> str:
    return broker.tasks.submit("acme", NewTask("Noop", {"n": 1}, **fields))[0].id  # type: ignore[arg-type]


class Free(Schema):
    value = fields.Raw(allow_none=True)


def _deep(levels: int) -> object:
    value: object = 1
    for _ in range(levels):
        value = [value]
    return value


def fail(broker: Broker) -> None:
    """The next task, for good."""
    claimed = broker.transitions.claim(Claim("w", "x", "Noop", 5_000_000))
    assert isinstance(claimed, Claimed)
    broker.transitions.fail(claimed.id, "x", "boom", "", None, Claim("w", "", "Noop", 0))


class TestSubmit:
    def test_what_is_left_out_is_the_types(self, settings: BrokerSettings) -> None:
        noop = TaskType("Noop", AnyPayload, "a:b", timeout=90, max_retries=7, priority=2)
        broker = Broker.connect(settings, {"Noop": noop})
        task, created = broker.tasks.submit("acme", NewTask("Noop", {"n": 1}))
        assert created
        assert (task.timeout_seconds, task.max_retries, task.priority, task.status) == (90, 7, 2, "pending")

    def test_numbers_of_any_kind_are_whole(self, settings: BrokerSettings) -> None:
        noop = TaskType("Noop", AnyPayload, "a:b", timeout=90.0)  # type: ignore[arg-type]
        broker = Broker.connect(settings, {"Noop": noop})
        task, _ = broker.tasks.submit("acme", NewTask("Noop", {}, max_retries=2.0, delay_seconds=-1))  # type: ignore[arg-type]
        assert (task.timeout_seconds, task.max_retries, task.status) == (90, 2, "pending")
        assert broker.tasks.get("acme", task.id) == task

    def test_brokers_of_one_server_keep_their_tasks_apart(
        self, settings: BrokerSettings, types: dict[str, TaskType]
    ) -> None:
        """The scripts of both remember in the same place, with the server's own clock."""
        ours, theirs = (Broker.connect(replace(settings, key_prefix=prefix), types) for prefix in ("ours", "theirs"))
        assert not isinstance(theirs.transitions.claim(Claim("w", "x", "Noop", 5_000_000)), Claimed)
        for each in (ours, theirs, ours, theirs):
            submit(each)
        assert theirs.redis.llen(theirs.keys.wake("w")) == 1
        for each in (ours, theirs):
            depth = next(queue.depth for queue in each.queues.list() if queue.type == "Noop")
            assert (depth, each.tasks.stats("acme").by_status["pending"]) == (2, 2)

    def test_tenants_are_kept_apart_at_any_speed(self, broker: Broker) -> None:
        """The scripts remember what tasks have in common, with the server's own clock."""
        submitted: dict[str, list[str]] = {"acme": [], "other": []}
        for tenant in (*submitted, *submitted):
            submitted[tenant].append(broker.tasks.submit(tenant, NewTask("Noop", {}))[0].id)
            answers = broker.tasks.submit_many(tenant, [NewTask("Noop", {}), NewTask("Noop", {}, priority=3)])
            submitted[tenant] += [task.id for task, _ in answers]
        for tenant, ids in submitted.items():
            assert {task.id for task in broker.tasks.page(tenant).tasks} == set(ids)
            assert broker.tasks.stats(tenant).by_status["pending"] == len(ids) == 6

    def test_a_repeat_by_id_finds_the_first(self, broker: Broker) -> None:
        first, created = broker.tasks.submit("acme", NewTask("Noop", {"n": 1}, id=ID.upper()))
        again, created_again = broker.tasks.submit("acme", NewTask("Noop", {"n": 2}, id=ID))
        assert (created, created_again, first.id) == (True, False, ID)
        assert again == first

    def test_a_lost_reply_is_no_repeat_of_the_callers(self, broker: Broker, monkeypatch: pytest.MonkeyPatch) -> None:
        """The client sends the script again by itself; the caller asked once and is told of what it created."""
        once = broker.transitions.submit
        monkeypatch.setattr(broker.transitions, "submit", lambda *a, **k: (once(*a, **k), once(*a, **k))[1])
        task, created = broker.tasks.submit("acme", NewTask("Noop", {"n": 1}))
        assert created
        assert broker.tasks.page("acme").tasks == [task]

    def test_a_time_or_a_delay(self, broker: Broker) -> None:
        at = broker.tasks.submit("acme", NewTask("Noop", {}, scheduled_at="2100-01-01T01:00:00+01:00"))[0]
        assert (at.status, at.scheduled_at) == ("scheduled", "2100-01-01T00:00:00.000000Z")
        assert broker.tasks.submit("acme", NewTask("Noop", {}, delay_seconds=0.5))[0].status == "scheduled"
        assert broker.tasks.submit("acme", NewTask("Noop", {}, delay_seconds=0))[0].status == "pending"

    @pytest.mark.parametrize(
        ("new", "pointer"),
        [
            (NewTask("Nothing", {}), "/type"),
            (NewTask("Noop", {"n": "x"}), "/payload/n"),
            (NewTask("Noop", {"other": 1}), "/payload/other"),
            (NewTask("Noop", {}, priority=11), "/priority"),
            (NewTask("Noop", {}, priority=-1), "/priority"),
            (NewTask("Noop", {}, max_retries=101), "/max_retries"),
            (NewTask("Noop", {}, max_retries=1.5), "/max_retries"),  # type: ignore[arg-type]
            (NewTask("Noop", {}, timeout_seconds=0), "/timeout_seconds"),
        ],
    )
    def test_what_is_wrong_is_pointed_at_and_not_stored(self, broker: Broker, new: NewTask, pointer: str) -> None:
        with pytest.raises(InvalidInput) as refused:
            broker.tasks.submit("acme", new)
        assert [error["pointer"] for error in refused.value.extra["errors"]] == [pointer]
        assert broker.tasks.page("acme").total == 0

    @pytest.mark.parametrize(
        "value",
        [
            float("nan"),
            float("-inf"),
            {None: float("nan")},
            "caf\udce9",
            object(),
            {(1, 2): 3},
            _deep(10_000),
            _deep(200),
        ],
    )
    def test_what_json_cannot_say_is_refused(self, settings: BrokerSettings, value: object) -> None:
        broker = Broker.connect(settings, {"Noop": TaskType("Noop", Free, "a:b")})
        with pytest.raises(InvalidInput) as refused:
            broker.tasks.submit("acme", NewTask("Noop", {"value": value}))
        assert [error["pointer"] for error in refused.value.extra["errors"]] == ["/payload"]
        assert broker.tasks.page("acme").total == 0

    @pytest.mark.parametrize("value", [None, [None, 0.1, 1e300, 2**70], "null", {"1": True}, "\x00\u2028é😀/"])
    def test_what_json_can_say_is_kept(self, settings: BrokerSettings, value: object) -> None:
        broker = Broker.connect(settings, {"Noop": TaskType("Noop", Free, "a:b")})
        task, _ = broker.tasks.submit("acme", NewTask("Noop", {"value": value}))
        assert broker.tasks.get("acme", task.id) == task
        assert task.payload == {"value": value}

    def test_a_full_queue_says_when_to_come_back(self, settings: BrokerSettings, types: dict[str, TaskType]) -> None:
        broker = Broker.connect(replace(settings, max_pending=1), types)
        submit(broker)
        with pytest.raises(QueueFull) as refused:
            submit(broker)
        assert 1 <= refused.value.extra["retry_after"] <= 3600

    def test_room_is_counted_to_the_task(self, settings: BrokerSettings, types: dict[str, TaskType]) -> None:
        """Whatever the scripts remember for a moment; with the server's own clock, or they would remember nothing."""
        broker = Broker.connect(replace(settings, max_pending=2), types)
        submit(broker)
        submit(broker, delay_seconds=0.001)
        wait_until(lambda: broker.transitions.promote()[0], "the delay is over")
        with pytest.raises(QueueFull):
            submit(broker)
        assert isinstance(broker.transitions.claim(Claim("w", "x", "Noop", 5_000_000)), Claimed)
        submit(broker)
        with pytest.raises(QueueFull):
            submit(broker)

    def test_a_media_record_bears_the_time_of_its_task(self, broker: Broker) -> None:
        record = MediaRecord(ID, "acme", "image", "a.png", "image/png", 3, "key", "", task_id=str(uuid.uuid4()))
        task, _ = broker.tasks.submit("acme", NewTask("Noop", {"n": 1}, id=record.task_id), record)
        found = broker.media.get("acme", ID)
        assert (found.created_at, found.task_id) == (task.created_at, task.id)


class TestSubmitMany:
    def test_the_answers_are_what_a_read_shows(self, broker: Broker) -> None:
        news = [NewTask("Noop", {"n": n}, priority=n, delay_seconds=n or None) for n in range(3)]
        answers = broker.tasks.submit_many("acme", [*news, NewTask("Other", {}, id=ID)])
        assert [broker.tasks.get("acme", task.id) for task, _ in answers] == [task for task, _ in answers]
        assert [created for _, created in answers] == [True] * 4
        again, created = broker.tasks.submit_many("acme", [NewTask("Other", {}, id=ID)])[0]
        assert (again, created) == (answers[-1][0], False)

    def test_a_lost_reply_is_no_repeat_of_the_callers(self, broker: Broker, monkeypatch: pytest.MonkeyPatch) -> None:
        once = broker.transitions.submit_many
        monkeypatch.setattr(broker.transitions, "submit_many", lambda *a, **k: (once(*a, **k), once(*a, **k))[1])
        answers = broker.tasks.submit_many("acme", [NewTask("Noop", {})] * 3)
        assert [created for _, created in answers] == [True] * 3
        assert broker.tasks.page("acme").tasks == [task for task, _ in reversed(answers)]

    def test_every_defect_is_pointed_at(self, broker: Broker) -> None:
        with pytest.raises(InvalidInput) as refused:
            broker.tasks.submit_many(
                "acme", [NewTask("Noop", {}), NewTask("No", {}), NewTask("Noop", {"n": "x"}, priority=1)]
            )
        assert [each["pointer"] for each in refused.value.extra["errors"]] == ["/tasks/1/type", "/tasks/2/payload/n"]
        for size in (0, MAX_BATCH + 1):
            with pytest.raises(InvalidInput):
                broker.tasks.submit_many("acme", [NewTask("Noop", {})] * size)
        assert broker.tasks.page("acme").total == 0

    def test_a_full_store_takes_none(self, broker: Broker) -> None:
        broker.tasks.submit_many("acme", [NewTask("Noop", {})])
        broker.redis.config_set("maxmemory", 1)
        try:
            with pytest.raises(Unavailable):
                broker.tasks.submit_many("acme", [NewTask("Noop", {})] * 2)
        finally:
            broker.redis.config_set("maxmemory", 0)
        assert broker.tasks.page("acme").total == 1

    def test_the_disk_is_waited_for_once(self, types: dict[str, TaskType]) -> None:
        with own_server({**SERVER, "appendonly": "yes"}) as server:
            settings = BrokerSettings(redis_url=f"redis://127.0.0.1:{server.port}/0", durability="fsync")
            broker = Broker.connect(settings, types)
            broker.tasks.submit_many("acme", [NewTask("Noop", {})] * 500)
            asked_and_waited = broker.redis.info("commandstats")["cmdstat_waitaof"]["calls"]
            assert asked_and_waited == 2
            assert broker.tasks.page("acme").total == 500


class TestOwners:
    @pytest.mark.parametrize("task_id", ["nothing", "", "../x", "*", ID + "0", ID.replace("-", ""), "{" + ID + "}", ID])
    def test_an_id_that_names_no_task(self, broker: Broker, task_id: str) -> None:
        for call in (broker.tasks.get, broker.tasks.cancel, broker.tasks.retry):
            with pytest.raises(NotFound):
                call("acme", task_id)

    def test_another_tenants(self, broker: Broker) -> None:
        task_id = submit(broker)
        for call in (broker.tasks.get, broker.tasks.cancel, broker.tasks.retry):
            with pytest.raises(NotFound):
                call("other", task_id)

    def test_cancelling_twice_is_no_error(self, broker: Broker) -> None:
        task_id = submit(broker)
        assert broker.tasks.cancel("acme", task_id.upper()) == broker.tasks.cancel("acme", task_id)

    def test_what_runs_or_has_ended_is_not_cancellable(self, broker: Broker) -> None:
        task_id = submit(broker)
        broker.transitions.claim(Claim("w", "x", "Noop", 5_000_000))
        with pytest.raises(NotCancellable) as refused:
            broker.tasks.cancel("acme", task_id)
        assert refused.value.extra == {"current_status": "processing"}
        assert broker.tasks.cancel("acme", task_id, force=True).status == "cancelled"
        submit(broker)
        fail(broker)
        failed = broker.tasks.page("acme", Wanted(statuses=(Status.FAILED,))).tasks[0].id
        with pytest.raises(NotCancellable):
            broker.tasks.cancel("acme", failed, force=True)

    def test_retrying(self, broker: Broker) -> None:
        task_id = submit(broker, max_retries=1)
        with pytest.raises(NotFailed) as early:
            broker.tasks.retry("acme", task_id)
        assert early.value.extra == {"current_status": "pending"}
        fail(broker)
        assert broker.tasks.retry("acme", task_id).status == "scheduled"
        broker.transitions.promote()
        fail(broker)
        with pytest.raises(RetriesExhausted) as used_up:
            broker.tasks.retry("acme", task_id)
        assert used_up.value.extra == {"current_status": "failed", "retry_count": 1, "max_retries": 1}
        task = broker.tasks.retry("acme", task_id, force=True)
        assert (task.status, task.retry_count, task.max_retries) == ("scheduled", 2, 2)

    def test_a_retry_beside_another_of_its_key_is_refused(self, broker: Broker) -> None:
        task_id = submit(broker, unique_key="k", max_retries=0)
        fail(broker)
        other = submit(broker, unique_key="k")
        with pytest.raises(UniqueKeyTaken) as taken:
            broker.tasks.retry("acme", task_id, force=True)
        assert taken.value.extra == {"holder": other}


class TestQueues:
    def test_an_idle_queue(self, broker: Broker) -> None:
        noop, other = broker.queues.list()
        assert (noop.type, other.type) == ("Noop", "Other")
        assert (noop.depth, noop.scheduled, noop.processing, noop.workers, noop.throughput) == (0, 0, 0, 0, 0)
        assert (noop.oldest_age_seconds, noop.rate, noop.tokens, noop.concurrency) == (None, None, None, None)
        assert (noop.burst, noop.paused) == (1, False)

    def test_a_busy_one(self, broker: Broker) -> None:
        for priority in (0, 0, 4, 9):
            submit(broker, priority=priority)
        submit(broker, delay_seconds=60, priority=3)
        fail(broker)
        broker.transitions.claim(Claim("w", "y", "Noop", 5_000_000))
        broker.transitions.register_worker("w", ttl=30, queues="Noop,Other", fields={"pid": 1})
        broker.transitions.register_worker("gone", ttl=30, queues="Noop", fields={"pid": 2})
        broker.redis.delete(broker.keys.worker("gone"))
        noop, other = broker.queues.list()
        assert (noop.depth, noop.scheduled, noop.processing, noop.workers) == (2, 1, 1, 1)
        assert noop.throughput == 1 / 60
        assert (other.depth, other.workers) == (0, 1)

    def test_its_age_is_that_of_the_head_that_waits_longest(self, broker: Broker) -> None:
        now_us = broker.redis.time()[0] * 1_000_000
        for priority, seconds in ((0, 100), (5, 40)):
            task_id = submit(broker, priority=priority)
            line = broker.keys.waiting("Noop", priority, "acme", "")
            broker.redis.zadd(line, {task_id: now_us - seconds * 1_000_000})
        age = broker.queues.list()[0].oldest_age_seconds
        assert age is not None
        assert 100 <= age < 130
        first = broker.redis.zrange(broker.keys.waiting("Noop", 0, "acme", ""), 0, 0)[0]
        broker.redis.zadd(broker.keys.waiting("Noop", 0, "acme", ""), {first: now_us - 7_000_000})  # waits anew
        age = broker.queues.list()[0].oldest_age_seconds
        assert age is not None
        assert 40 <= age < 70

    def test_tokens_are_those_of_the_moment(self, broker: Broker) -> None:
        queue = broker.queues.configure("Noop", rate=0.001, burst=5, concurrency=3, paused=True)
        assert (queue.rate, queue.burst, queue.concurrency, queue.paused) == (0.001, 5, 3, True)
        assert queue.tokens == 0
        seconds = broker.redis.time()[0]
        broker.redis.hset(broker.keys.limits("Noop"), mapping={"level": 2 * 10**9, "ts": (seconds - 500) * 1_000_000})
        assert broker.queues.list()[0].tokens == pytest.approx(2.5, abs=0.05)
        broker.redis.hset(broker.keys.limits("Noop"), "ts", (seconds - 50_000) * 1_000_000)
        assert broker.queues.list()[0].tokens == 5
        broker.redis.hset(broker.keys.limits("Noop"), "ts", (seconds + 3600) * 1_000_000)  # the clock stepped back
        assert broker.queues.list()[0].tokens == 2

    def test_limits_can_be_lifted(self, broker: Broker) -> None:
        broker.queues.configure("Noop", rate=2, concurrency=1)
        queue = broker.queues.configure("Noop", rate=None, concurrency=None)
        assert (queue.rate, queue.tokens, queue.concurrency) == (None, None, None)

    @pytest.mark.parametrize(
        ("change", "pointer"),
        [
            ({"rate": 0}, "/rate"),
            ({"rate": 0.0015}, "/rate"),
            ({"rate": 1e9}, "/rate"),
            ({"burst": 0}, "/burst"),
            ({"burst": 10**9}, "/burst"),
            ({"concurrency": 0}, "/concurrency"),
        ],
    )
    def test_a_bad_limit_changes_nothing(self, broker: Broker, change: dict[str, float], pointer: str) -> None:
        before = broker.redis.hgetall(broker.keys.limits("Noop"))
        with pytest.raises(InvalidInput) as refused:
            broker.queues.configure("Noop", **({"paused": True} | change))
        assert [error["pointer"] for error in refused.value.extra["errors"]] == [pointer]
        assert broker.redis.hgetall(broker.keys.limits("Noop")) == before

    def test_an_unknown_type(self, broker: Broker) -> None:
        with pytest.raises(NotFound):
            broker.queues.configure("Nothing", paused=True)


def test_without_redis_everything_is_unavailable(types: dict[str, TaskType]) -> None:
    broker = Broker(BrokerSettings("redis://127.0.0.1:1/0"), types)
    calls = [
        broker.check_ready,
        broker.queues.declare,
        broker.queues.list,
        lambda: submit(broker),
        lambda: broker.tasks.get("acme", ID),
        lambda: broker.tasks.page("acme"),
        lambda: broker.tasks.stats("acme"),
        lambda: broker.tasks.cancel("acme", ID),
        lambda: broker.tasks.retry("acme", ID),
        lambda: broker.queues.configure("Noop", paused=True),
    ]
    for call in calls:
        with pytest.raises(Unavailable) as told:
            call()
        assert told.value.extra["retry_after"] > 0


def test_a_full_store_is_unavailable_for_new_work_only(broker: Broker) -> None:
    task_id = submit(broker)
    broker.redis.config_set("maxmemory", 1)
    try:
        with pytest.raises(Unavailable) as told:
            submit(broker)
        assert told.value.extra["retry_after"] > 0
        assert broker.tasks.cancel("acme", task_id).status == "cancelled"
    finally:
        broker.redis.config_set("maxmemory", 0)


def test_an_answer_that_needs_the_disk_is_not_given_without_one(
    settings: BrokerSettings, types: dict[str, TaskType]
) -> None:
    broker = Broker.connect(replace(settings, durability="fsync"), types)
    with pytest.raises(TaskBrokerError, match="append-only file"):
        submit(broker)


def test_a_process_that_stops_lets_nobody_begin_to_wait(broker: Broker) -> None:
    task, _ = broker.tasks.submit("acme", NewTask("Noop", {"n": 1}))
    broker.live.stop()
    assert broker.tasks.wait("acme", task.id, 60) == task
