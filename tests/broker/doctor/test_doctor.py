"""Guards the doctor: it finds each kind of disorder, calls nothing wrong that is only in motion, and its cures work."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from msgspec import structs

from broker.broker import Broker
from broker.daemon.reconcile import Reconcile
from broker.doctor.doctor import Doctor, doctor
from broker.engine.connection import connect
from broker.engine.transitions import Claim, Claimed
from broker.queues import limits
from broker.queues.daemons import Daemon
from broker.status import Status
from broker.task import NewTask
from broker.webhooks.signing import new_secret
from tests.broker.engine.engine import SECOND, Engine, indexed, leased, put_in_state

pytestmark = pytest.mark.parametrize("redis", ["valkey"], indirect=True)

STATES = ("pending", "scheduled", "processing", "completed", "failed", "cancelled")


@pytest.fixture
def broker(broker: Broker, engine: Engine) -> Broker:
    """On the engine's server, where a daemon and a worker run."""
    broker.daemons.beat(Daemon("d1", "host", 7, "2024-01-01T00:00:00.000000Z", "2024-01-01T00:00:00.000000Z"))
    fields, types = {"pid": 1}, limits.declarations(broker.types)
    engine.store.register_worker("w0", ttl=60, queues="Noop,Other", fields=fields, types=types)
    return broker


@pytest.fixture
def checker(broker: Broker) -> Iterator[Doctor]:
    """Nothing happens between its looks."""
    yield Doctor(broker, clock="clock_test", wait=lambda seconds: None)


def put(engine: Engine, state: str, priority: int = 0) -> str:
    """A task in this state, which holds a unique key while it is unfinished."""
    return put_in_state(engine, state, priority, unique_key=f"key-{state}-{priority}")


def test_a_system_in_order_is_healthy(engine: Engine, checker: Doctor) -> None:
    for state in reversed(STATES):
        for priority in (0, 7, -1):
            put(engine, state, priority)
    engine.store.register_worker("w1", ttl=30, queues="Noop", fields={"pid": 1})
    before = engine.state()
    assert checker.check() == []
    assert engine.state() == before


def test_places_that_are_empty_are_not_asked_for_one_by_one(engine: Engine, checker: Doctor) -> None:
    """Each of the two types has seventy-two: far from Redis, to ask would be most of what a look takes."""
    put(engine, "pending")

    def reads() -> int:
        return int(engine.redis.info("stats")["total_reads_processed"])

    before = reads()
    assert checker.check() == []
    assert reads() - before < 2 * 72


def delete_hash(engine: Engine, task_id: str, _: str) -> None:
    engine.redis.delete(engine.keys.job(task_id))


def leave_index(engine: Engine, task_id: str, state: str) -> None:
    engine.redis.zrem(engine.keys.index("acme", "Noop"), task_id)


def enter_another_index(engine: Engine, task_id: str, state: str) -> None:
    wrong = Status.FAILED if state != "failed" else Status.COMPLETED
    engine.redis.zadd(
        engine.keys.index("acme", "Noop"), {task_id: indexed(wrong, int(engine.field(task_id, "us") or 0))}
    )


def enter_another_registry(engine: Engine, task_id: str, state: str) -> None:
    wrong = "finished" if state != "completed" else "failed"
    engine.redis.zadd(engine.keys.registry(wrong, "Noop"), {task_id: 10**10})


def enter_another_queue(engine: Engine, task_id: str, _: str) -> None:
    engine.redis.rpush(engine.keys.rq_queue("Noop:5"), task_id)


def expire(engine: Engine, task_id: str, _: str) -> None:
    engine.redis.expire(engine.keys.job(task_id), 1000)


def lease(engine: Engine, task_id: str, state: str) -> None:
    if state == "processing":
        engine.redis.delete(engine.keys.registry("wip", "Noop"))
    else:
        engine.redis.zadd(engine.keys.registry("wip", "Noop"), {f"{task_id}:x": leased(engine.now)})


def due(engine: Engine, task_id: str, state: str) -> None:
    if state == "scheduled":
        engine.redis.delete(engine.keys.due())
    else:
        engine.redis.zadd(engine.keys.due(), {task_id: engine.now})


HANDS = (
    *(delete_hash, leave_index, enter_another_index, enter_another_registry),
    *(enter_another_queue, expire, lease, due),
)


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("hand", HANDS, ids=lambda hand: hand.__name__)
def test_what_is_wrong_with_a_task_is_found_and_cured(
    engine: Engine, checker: Doctor, hand: Callable[[Engine, str, str], None], state: str
) -> None:
    task_id = put(engine, state)
    engine.advance(3)
    hand(engine, task_id, state)
    with pytest.raises(AssertionError):
        engine.check()
    findings = checker.check()
    assert findings
    assert all(task_id in finding.text for finding in findings if finding.cure == "task")
    for finding in findings:
        checker.repair(finding)
    for finding in checker.check():
        checker.repair(finding)
    assert checker.check() == []
    engine.check(exact_durations=False)


def lose_list(engine: Engine) -> None:
    engine.redis.delete(engine.keys.rq_queue("Noop"))


def lose_one_and_list_the_other_twice(engine: Engine) -> None:
    first, _ = engine.waiting()
    engine.redis.lset(engine.keys.rq_queue("Noop"), 1, first)


def swap(engine: Engine) -> None:
    key = engine.keys.rq_queue("Noop")
    engine.redis.rpush(key, engine.redis.lpop(key) or "")


def forget_ready(engine: Engine) -> None:
    engine.redis.delete(engine.keys.ready())


def wrong_ready(engine: Engine) -> None:
    engine.redis.zadd(engine.keys.ready(), {"Noop": 5})


def forget_queue(engine: Engine) -> None:
    engine.redis.delete(engine.keys.rq_queues())


@pytest.mark.parametrize(
    "hand", [lose_list, lose_one_and_list_the_other_twice, swap, forget_ready, wrong_ready, forget_queue]
)
def test_what_is_wrong_with_a_queue_is_found_and_cured(
    engine: Engine, checker: Doctor, hand: Callable[[Engine], None]
) -> None:
    ids = [engine.submit(), engine.submit()]
    hand(engine)
    for _ in range(3):
        for finding in checker.check():
            checker.repair(finding)
    assert checker.check() == []
    assert sorted(engine.waiting()) == ids
    engine.check()


def test_each_disorder_of_a_queue_is_a_finding(engine: Engine, checker: Doctor) -> None:
    engine.submit()
    engine.submit()
    swap(engine)
    assert [finding.cure for finding in checker.check()] == ["order"]
    forget_ready(engine)
    assert sorted(finding.cure for finding in checker.check()) == ["order", "ready"]


def test_the_dead_are_found_and_forgotten(engine: Engine, checker: Doctor) -> None:
    for worker in ("w1", "w2"):
        engine.store.register_worker(worker, ttl=30, queues="Noop", fields={"pid": 1})
        engine.claim(worker)
    engine.redis.delete(engine.keys.worker("w1"))
    findings = checker.check()
    assert sorted(finding.cure for finding in findings) == ["sleeper", "workers"]
    assert all("w1" in finding.text for finding in findings)
    assert all([checker.repair(finding) for finding in findings])
    assert engine.redis.smembers(engine.keys.idle("Noop")) == {"w2"}
    assert checker.check() == []


def test_a_key_that_an_ended_task_holds_is_set_free(engine: Engine, checker: Doctor) -> None:
    old = put(engine, "failed")
    engine.redis.set(engine.keys.unique("acme", "Noop", "key-failed-0"), old)
    (finding,) = checker.check()
    assert checker.repair(finding)
    assert checker.check() == []
    assert engine.try_submit(unique_key="key-failed-0")[0] == 1


def test_a_negative_sum_of_durations(engine: Engine, checker: Doctor) -> None:
    engine.submit()
    engine.redis.hset(engine.keys.durations("acme"), "Noop", -5)
    (finding,) = checker.check()
    assert checker.repair(finding)
    assert checker.check() == []


def test_what_is_mended_between_the_looks_is_not_wrong(engine: Engine, broker: Broker) -> None:
    put(engine, "completed")
    lose_list(engine)
    reconcile = Reconcile(engine.redis, engine.keys, clock="clock_test")
    put(engine, "pending")
    lose_list(engine)
    asked: list[float] = []

    def mend(seconds: float) -> None:
        asked.append(seconds)
        reconcile.tick()

    assert Doctor(broker, clock="clock_test", wait=mend).check() == []
    assert asked


def test_more_than_a_page(engine: Engine, checker: Doctor) -> None:
    engine.try_submit_many(*[{} for _ in range(350)])
    assert checker.check() == []
    ids = engine.waiting()
    for task_id in (ids[99], ids[100], ids[349]):
        engine.redis.hset(engine.keys.job(task_id), "seq", 1)
    assert {finding.member for finding in checker.check()} >= {ids[99], ids[100], ids[349]}


def test_nothing_is_called_wrong_on_a_system_at_work(broker: Broker) -> None:
    """With no time between the looks, which is stricter than the command is."""
    idle = Claim("w", "", "Noop", 5 * SECOND)

    def work() -> None:
        store = broker.transitions.on(connect(broker.settings.redis_url))
        for number in range(150):
            broker.tasks.submit_many("acme", [NewTask("Noop", {}, unique_key=f"{number}-{n}") for n in range(5)])
            for n in range(4):
                claimed = store.claim(idle._replace(execution=f"x{number}-{n}"))
                assert isinstance(claimed, Claimed)
                if n < 3:
                    store.finish(claimed.id, f"x{number}-{n}", "{}", idle)
                else:
                    store.fail(claimed.id, f"x{number}-{n}", "no", "", 0, idle)
            store.promote()

    looks = 0
    with ThreadPoolExecutor(1) as pool:
        working = pool.submit(work)
        while not working.done():
            assert Doctor(broker, wait=lambda seconds: None).check() == []
            looks += 1
    working.result()
    assert looks > 1


class TestCommand:
    def say(self, broker: Broker, capsys: pytest.CaptureFixture[str], *, repair: bool = False) -> tuple[int, str]:
        status = doctor(broker, repair=repair, wait=lambda seconds: None)
        return status, capsys.readouterr().out

    def test_healthy(self, broker: Broker, capsys: pytest.CaptureFixture[str]) -> None:
        status, text = self.say(broker, capsys)
        assert (status, text.splitlines()[-1]) == (0, "healthy")
        assert "Noop: 0 pending, 0 scheduled, 0 processing, 0 completed, 0 failed, 0 cancelled" in text

    def test_findings_stay_until_they_are_repaired(
        self, engine: Engine, broker: Broker, capsys: pytest.CaptureFixture[str]
    ) -> None:
        put(engine, "pending")
        lose_list(engine)
        status, text = self.say(broker, capsys)
        assert (status, "wrong: task task-1" in text) == (1, True)
        status, text = self.say(broker, capsys, repair=True)
        assert (status, "repaired: task task-1" in text) == (0, True)
        assert self.say(broker, capsys)[0] == 0

    def test_settings_that_lose_tasks_are_a_finding_that_no_repair_helps(
        self, broker: Broker, capsys: pytest.CaptureFixture[str]
    ) -> None:
        broker.settings = replace(broker.settings, durability="fsync")
        status, text = self.say(broker, capsys, repair=True)
        assert (status, "append-only file is off" in text, "repaired" in text) == (1, True, False)

    def test_a_server_that_cannot_be_reached(self, broker: Broker, capsys: pytest.CaptureFixture[str]) -> None:
        away = Broker(replace(broker.settings, redis_url="redis://127.0.0.1:1/0"), {})
        assert self.say(away, capsys) == (1, "wrong: 127.0.0.1:1: the connection is refused: nothing listens there\n")

    def test_it_tells_why_a_task_waits(
        self, engine: Engine, broker: Broker, capsys: pytest.CaptureFixture[str]
    ) -> None:
        engine.now = time.time_ns() // 1000  # ages and tokens are told by the server's own clock
        task_id = engine.submit()
        assert f"{task_id} waits" in self.say(broker, capsys)[1]
        engine.store.unregister_worker("w0", "Noop,Other")
        assert "no worker listens" in self.say(broker, capsys)[1]
        engine.store.register_worker("w1", ttl=30, queues="Noop", fields={"pid": 1})
        assert "the workers are busy" in self.say(broker, capsys)[1]
        engine.configure(rate="1")
        assert "throttled to 0.001 starts a second" in self.say(broker, capsys)[1]
        engine.configure(rate="", concurrency="1")
        engine.start()
        engine.submit()
        assert "as many as allowed" in self.say(broker, capsys)[1]
        engine.configure(paused="1")
        assert "paused" in self.say(broker, capsys)[1]
        engine.redis.set(engine.keys.suspended(), 1)
        assert "rq resume" in self.say(broker, capsys)[1]


class TestUndeclared:
    def test_a_type_of_this_environment(self, engine: Engine, checker: Doctor) -> None:
        engine.redis.delete(engine.keys.limits("Other"))
        finding = next(each for each in checker.check() if each.cure == "declare")
        assert finding.text.startswith("type Other is not declared")
        assert checker.repair(finding)
        assert checker.check() == []

    def test_a_type_that_only_its_tasks_know(self, engine: Engine, checker: Doctor) -> None:
        engine.declare("Strange")
        engine.submit("Strange", priority=3)
        for lost in (engine.keys.limits("Strange"), engine.keys.types()):
            engine.redis.delete(lost)
            engine.declare()
            engine.declare("Other")
            finding = next(each for each in checker.check() if "Strange:3" in each.text)
            assert finding.text.startswith("queue Strange:3 has tasks of a type that nobody declares")
        assert not checker.repair(finding)

    def test_the_queues_of_other_programs_are_none_of_ours(self, engine: Engine, checker: Doctor) -> None:
        engine.redis.sadd(engine.keys.rq_queues(), engine.keys.rq_queue("default"))
        engine.redis.rpush(engine.keys.rq_queue("default"), "their-job")
        engine.redis.hset(engine.keys.job("their-job"), mapping={"origin": "default", "status": "queued"})
        assert checker.check() == []


class TestProcesses:
    def test_no_daemon(self, engine: Engine, broker: Broker, checker: Doctor) -> None:
        (daemon,) = broker.daemons.list()
        broker.daemons.forget(daemon)
        (finding,) = checker.check()
        assert "no daemon runs" in finding.text

    def test_a_chore_that_fails(self, engine: Engine, broker: Broker, checker: Doctor) -> None:
        (daemon,) = broker.daemons.list()
        broker.daemons.beat(structs.replace(daemon, failing={"prune": "OSError: no"}))
        (finding,) = checker.check()
        assert finding.text == "the daemon on host (pid 7) fails at prune: OSError: no"

    def test_tasks_without_a_worker(self, engine: Engine, checker: Doctor) -> None:
        engine.submit()
        engine.submit()
        assert checker.check() == []
        engine.store.unregister_worker("w0", "Noop,Other")
        (finding,) = checker.check()
        assert finding.text.startswith("2 Noop tasks wait and no worker listens")

    def test_an_outbox_that_nobody_empties(self, engine: Engine, checker: Doctor) -> None:
        old = (time.time_ns() // 1_000_000) - 60_000
        engine.redis.xadd(engine.keys.outbox(), {"x": "y"}, id=f"{old}-0")
        (finding,) = checker.check()
        assert "wait longer than half a minute" in finding.text

    def test_jobs_of_other_programs(self, engine: Engine, checker: Doctor) -> None:
        engine.redis.hset(engine.keys.job("theirs"), mapping={"created_at": "2024", "origin": "set-aside"})
        engine.redis.rpush(engine.keys.rq_queue("set-aside"), "theirs")
        (finding,) = checker.check()
        assert finding.text.startswith("1 jobs of other programs")

    def test_events_that_were_put_aside(self, engine: Engine, checker: Doctor) -> None:
        engine.redis.xadd(engine.keys.outbox_aside(), {"reason": "RecursionError"})
        (finding,) = checker.check()
        assert finding.text.startswith("1 events could not be told")

    def test_deleted_media_of_which_something_is_left(self, engine: Engine, checker: Doctor) -> None:
        engine.submit(media=["m", "image", "0", "id", "m", "tenant", "acme", "kind", "image"])
        engine.store.delete_media("m", "acme", "image")
        engine.redis.zadd(engine.keys.tombstones(), {"m": time.time_ns() // 1000})
        assert not [each for each in checker.check() if "deleted" in each.text]
        engine.redis.zadd(engine.keys.tombstones(), {"m": time.time_ns() // 1000 - 301 * SECOND})
        (found,) = [each for each in checker.check() if "deleted" in each.text]
        assert "wait longer than five minutes" in found.text
        engine.redis.zrem(engine.keys.tombstones(), "m")
        (found,) = [each for each in checker.check() if "deleted" in each.text]
        assert "is never removed" in found.text
        assert checker.repair(found)
        assert engine.redis.zscore(engine.keys.tombstones(), "m") == engine.now

    def test_a_secret_in_plain_text(self, engine: Engine, checker: Doctor) -> None:
        engine.submit()
        engine.redis.zadd(engine.keys.webhooks("acme"), {"h": 1})
        engine.redis.hset(engine.keys.webhook("h"), mapping={"id": "h", "secret": new_secret()})
        (finding,) = checker.check()
        assert finding.text.endswith("is not encrypted: rotate it")


#: Keys of a system at work, and what else may stand there.
WRONG_KEYS = {
    "queue": lambda keys: keys.rq_queue("Noop"),
    "queues": lambda keys: keys.rq_queues(),
    "leases": lambda keys: keys.registry("wip", "Noop"),
    "finished": lambda keys: keys.registry("finished", "Noop:3"),
    "listeners": lambda keys: keys.registry("workers", "Noop"),
    "workers": lambda keys: keys.workers(),
    "worker": lambda keys: keys.worker("w0"),
    "job": lambda keys: keys.job("stranger"),
    "ready": lambda keys: keys.ready(),
    "due": lambda keys: keys.due(),
    "limits": lambda keys: keys.limits("Noop"),
    "types": lambda keys: keys.types(),
    "arrivals": lambda keys: keys.arrivals(),
    "groups": lambda keys: keys.groups(),
    "tenants": lambda keys: keys.tenants(),
    "index": lambda keys: keys.index("acme", "Noop"),
    "durations": lambda keys: keys.durations("acme"),
    "outbox": lambda keys: keys.outbox(),
    "webhooks": lambda keys: keys.webhooks("acme"),
}


@pytest.mark.parametrize("name", WRONG_KEYS)
def test_a_key_of_the_wrong_type_is_found_and_put_aside(engine: Engine, checker: Doctor, name: str) -> None:
    for state in STATES:
        put(engine, state)
    key = WRONG_KEYS[name](engine.keys)
    engine.redis.delete(key)
    engine.redis.set(key, "spoilt")
    finding = next(each for each in checker.check() if each.cure == "wrong_type")
    assert finding.text.startswith(f"{key} is a string and must be a ")
    assert checker.repair(finding)
    assert engine.redis.get(engine.keys.set_aside(key)) == "spoilt"
    for _ in range(3):
        for left in checker.check():
            checker.repair(left)
    assert [each.text for each in checker.check() if each.cure] == []


def test_a_key_of_the_wrong_type_hides_nothing_else(engine: Engine, broker: Broker, checker: Doctor) -> None:
    engine.redis.set(engine.keys.registry("finished", "Noop"), "spoilt")
    (daemon,) = broker.daemons.list()
    broker.daemons.forget(daemon)
    texts = [finding.text for finding in checker.check()]
    assert len(texts) == 2
    assert any("no daemon runs" in text for text in texts)


class TestSpoiltFields:
    @pytest.mark.parametrize("state", STATES)
    @pytest.mark.parametrize(
        "field",
        [*("us", "seq", "timeout", "retry_count", "max_retries", "crashes", "runs"),
         *("memo", "attempts", "progress", "outcome", "created_at")],
    )  # fmt: skip
    def test_what_can_be_made_up_is_repaired(self, engine: Engine, checker: Doctor, state: str, field: str) -> None:
        task_id = put(engine, state)
        engine.redis.hset(engine.keys.job(task_id), field, "{spoilt")
        assert any(field in finding.text for finding in checker.check())
        for _ in range(3):
            for finding in checker.check():
                checker.repair(finding)
        assert checker.check() == []
        engine.check(exact_durations=False)

    def test_a_payload_that_is_lost_stays_a_finding(self, engine: Engine, broker: Broker, checker: Doctor) -> None:
        task_id = put(engine, "pending")
        engine.redis.hset(engine.keys.job(task_id), "payload", "{spoilt")
        (finding,) = checker.check()
        assert finding.text == f"task {task_id} holds no value of its kind in payload"
        assert not checker.repair(finding)
        assert [task.payload for task in broker.tasks.page("acme").tasks] == [{}], "pages with it can be read"

    @pytest.mark.parametrize("field", ["rate", "burst", "concurrency", "level", "ts"])
    def test_limits_that_nobody_can_read_are_no_licence(self, engine: Engine, checker: Doctor, field: str) -> None:
        engine.configure(rate="1000")
        engine.submit()
        engine.advance(10)
        engine.redis.hset(engine.keys.limits("Noop"), field, "many")
        if field in ("rate", "burst", "concurrency"):
            assert not isinstance(engine.claim(), Claimed)
        finding = next(each for each in checker.check() if each.cure == "limits")
        assert field in finding.text
        assert checker.repair(finding)
        for again in checker.check():
            checker.repair(again)
        assert checker.check() == []

    def test_a_sequence_number_that_is_lost(self, engine: Engine, checker: Doctor) -> None:
        first = engine.submit()
        engine.redis.hset(engine.keys.arrivals(), "Noop", "many")
        (finding,) = checker.check()
        assert checker.repair(finding)
        second = engine.submit()
        assert engine.waiting() == [first, second]
        assert checker.check() == []

    def test_names_that_are_none(self, engine: Engine, checker: Doctor) -> None:
        engine.redis.zadd(engine.keys.ready(), {"a:b:c": 1})
        engine.redis.sadd(engine.keys.types(), "a b")
        engine.redis.set(engine.keys.unique("acme", "Noop", "k"), "nobody")
        findings = checker.check()
        assert sorted(finding.cure for finding in findings) == ["ready", "type", "unique"]
        assert all([checker.repair(finding) for finding in findings])
        assert checker.check() == []


class TestWaits:
    """What tasks wait for, and where they stand in their flows."""

    @pytest.fixture
    def waiting(self, engine: Engine) -> tuple[str, str]:
        first = engine.link(flow="f")
        second = engine.link(first, flow="f")
        for _ in range(9):
            engine.link(first)
        return first, second

    def test_what_waits_rightly_is_healthy(self, engine: Engine, checker: Doctor, waiting: tuple[str, str]) -> None:
        assert checker.check() == []
        engine.finish(engine.start())
        assert checker.check() == [], "while the daemon has more to settle"

    def test_a_lost_link_is_found_and_made_anew(
        self, engine: Engine, checker: Doctor, waiting: tuple[str, str]
    ) -> None:
        first, second = waiting
        engine.redis.zrem(engine.keys.links(first), second)
        _cured(checker, f"task {second} waits for task {first}, which does not know of it")
        engine.check()
        engine.finish(engine.start())
        engine.settle()
        assert engine.task(second).status == "pending"

    @pytest.mark.parametrize("gone", [True, False])
    def test_one_that_waits_in_vain_is_found_and_goes_on(
        self, engine: Engine, checker: Doctor, waiting: tuple[str, str], gone: bool
    ) -> None:
        first, second = waiting
        engine.redis.delete(engine.keys.links(first))
        run = engine.start()
        engine.finish(run)
        if gone:
            engine.redis.delete(engine.keys.job(first), engine.keys.registry("finished", "Noop"))
            engine.reconcile.tick()
        _cured(checker, f"task {second} waits for task {first}, which {'is gone' if gone else 'has ended'}", of=10)
        engine.check(exact_durations=False)
        engine.settle()
        assert engine.task(second).status == ("cancelled" if gone else "pending")
        engine.check(exact_durations=False)

    def test_a_lost_wish_is_found(self, engine: Engine, checker: Doctor, waiting: tuple[str, str]) -> None:
        second = waiting[1]
        engine.redis.hdel(engine.keys.job(second), "waiting_for")
        _cured(checker, f"task {second} is due never and waits for nothing, or the other way round")
        engine.promote()
        assert engine.task(second).status == "pending"

    def test_a_wrong_place_in_a_flow_is_found(self, engine: Engine, checker: Doctor, waiting: tuple[str, str]) -> None:
        first = waiting[0]
        engine.redis.zrem(engine.keys.flow_tasks("acme", "f"), first)
        _cured(checker, f"task {first} is pending and stands as something else in its flow f")
        assert engine.queries.flow("acme", "f").total == 2
        engine.check()


def _cured(checker: Doctor, text: str, of: int = 1) -> None:
    """It is one of so many findings, and all of them are cured."""
    found = checker.check()
    assert text in [finding.text for finding in found]
    assert len(found) == of
    assert all(checker.repair(finding) for finding in found)
    assert checker.check() == []


def test_a_deadline_that_nobody_heeds(engine: Engine, checker: Doctor) -> None:
    engine.try_submit_linked({"id": "late", "deadline": engine.now + SECOND})
    engine.redis.delete(engine.keys.deadlines())
    (finding,) = checker.check()
    assert finding.text == "task late has a deadline that nobody heeds"
    assert checker.repair(finding)
    assert checker.check() == []
    engine.check()
