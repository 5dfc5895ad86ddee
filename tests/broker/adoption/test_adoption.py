"""Guards that a running RQ system is taken over queue by queue and given back, with nothing lost and nothing run twice,
whenever anybody is killed; and that no pickle of others is loaded but by the runner, and by it only what is allowed.
"""

import json
import pickle
import re
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import TypeVar

import pytest
from redis import Redis
from rq import Queue, Retry, SimpleWorker
from rq.job import Job

from broker.adoption import source as source_module
from broker.adoption.adoption import Adoption, task_id
from broker.adoption.names import Loader, NotAllowed, function_name
from broker.adoption.types import adopted_types, type_name
from broker.broker import Broker
from broker.config import BrokerSettings
from broker.errors import InvalidInput
from broker.startup import Startup
from broker.task import NewTask, Task
from scripts.worker import chosen
from tests.broker.adoption import jobs
from tests.broker.worker.harness import Formation, Process
from tests.servers import own_server

ALLOWED = "tests.broker.adoption.jobs.tell,tests.broker.adoption.jobs.Mail.*,tests.broker.adoption.jobs.Mail"
QUEUES = "emails,high-priority"
T = TypeVar("T")


class Stock:
    """A stock RQ system on a Redis of its own, and our system beside it."""

    def __init__(self, formation: Formation, redis: Redis, url: str, effects: Path) -> None:
        self.formation, self.redis, self.url, self.effects = formation, redis, url, str(effects)

    def queue(self, name: str = "emails") -> Queue:
        return Queue(name, connection=self.redis)

    def enqueue(self, count: int, first: int = 0, **options: object) -> list[Job]:
        return [
            self.queue().enqueue(jobs.tell, self.effects, number, **options) for number in range(first, first + count)
        ]

    def done(self) -> Counter[int]:
        path = Path(self.effects)
        lines = path.read_text().splitlines() if path.exists() else []
        return Counter(json.loads(line)["number"] for line in lines)

    def adopt(self, *words: str) -> str:
        """What the command says."""
        process = self.formation.program("adopt", "-m", "broker", "adopt", *words)
        process.wait(60)
        return process.text

    def runner(self, functions: str = "tests.broker.adoption.jobs.*", **environ: str) -> Process:
        return self.formation.program(
            "runner",
            "-m",
            "scripts.worker",
            type_name("emails"),
            ADOPT_RQ_FUNCTIONS=functions,
            WORKER_PROCESSES="2",
            **environ,
        )

    def until(self, condition: Callable[[], T], what: str) -> T:
        return self.formation.until(condition, what, seconds=40)

    def task(self, job: Job) -> Task:
        """Of a job that was taken over once."""
        return self.formation.broker.tasks.get("rq", task_id(job.id, 1))

    def work_off(self) -> None:
        """By RQ's own worker."""
        SimpleWorker([self.queue()], connection=self.redis).work(burst=True)


@pytest.fixture
def stock(formation_of: Callable[..., Formation], tmp_path: Path) -> Iterator[Stock]:
    with own_server() as server, Redis(port=server.port) as redis:
        url = f"redis://127.0.0.1:{server.port}/0"
        formation = formation_of(ADOPT_RQ_URL=url, ADOPT_RQ_QUEUES=QUEUES, LEASE_SECONDS="2")
        yield Stock(formation, redis, url, tmp_path / "effects-of-rq.jsonl")


def test_it_is_shown_taken_over_under_our_limits_and_told_as_rq_would(stock: Stock) -> None:
    queued = stock.enqueue(20)
    day = stock.queue().enqueue(jobs.tell, stock.effects, 100, day=date(2030, 1, 1))
    method = stock.queue().enqueue(jobs.Mail("me").send, stock.effects, 101)
    retried = stock.queue().enqueue(jobs.fail_twice, stock.effects, 102, retry=Retry(max=3))
    failed = stock.queue().enqueue(jobs.fail, stock.effects, 103)
    after = stock.queue().enqueue(jobs.tell, stock.effects, 104, depends_on=day)
    later = stock.queue().enqueue_in(timedelta(seconds=1), jobs.tell, stock.effects, 105)
    shown = stock.adopt()
    assert "emails" in shown and "RqJobEmails" in shown
    assert "tests.broker.adoption.jobs.tell 21" in shown

    assert re.search(
        "2[45] jobs are tasks of RqJobEmails now", stock.adopt("emails")
    )  # one comes in the second of this
    assert stock.queue().count == 0
    stock.formation.daemon(RQ_JOB_EMAILS_RATE="50")
    stock.runner(RQ_JOB_EMAILS_RATE="50")
    late = stock.enqueue(3, first=200)
    all_done = [*queued, *late, day, method, retried, after, later]
    stock.until(lambda: all(job.get_status() == "finished" for job in all_done), "all are finished in RQ's eyes")
    stock.until(lambda: failed.get_status() == "failed", "and one has failed")
    assert [job.return_value() for job in queued] == [number * 2 for number in range(20)]
    assert method.return_value() == "me"
    assert "never" in str(failed.latest_result().exc_string)
    assert stock.done() == Counter({102: 3, **dict.fromkeys([*range(20), 100, 101, 103, 104, 105, 200, 201, 202], 1)})
    stock.until(lambda: not stock.redis.hlen("rq:broker:adopted_jobs:emails"), "nothing is ours any more")
    assert stock.queue().failed_job_registry.get_job_ids() == [failed.id]
    assert stock.queue().started_job_registry.get_job_ids() == []
    task = stock.task(queued[3])
    assert (task.status, task.result) == ("completed", {"returned": 6})
    failed.requeue()  # in RQ: it comes again, as another task
    stock.until(lambda: stock.done()[103] == 2 and failed.get_status() == "failed", "it was run again")


def test_what_is_not_in_the_list_is_neither_run_nor_loaded(stock: Stock) -> None:
    bad = stock.queue().enqueue(jobs.forbidden, stock.effects, 1)
    callback = stock.queue().enqueue(jobs.tell, stock.effects, 2, on_success=jobs.after)
    evil = stock.queue().enqueue(jobs.tell, stock.effects, 3)
    stock.redis.hset(
        evil.key, "data", pickle.dumps(("tests.broker.adoption.jobs.tell", None, (Evil(stock.effects),), {}))
    )
    good = stock.queue().enqueue(jobs.tell, stock.effects, 4)
    stock.adopt("emails")
    stock.formation.daemon()
    stock.runner(ALLOWED)
    stock.until(lambda: good.get_status() == "finished", "the good one is run")
    for job in (bad, callback, evil):
        stock.until(lambda job=job: job.get_status() == "failed", "it has failed")
        # RQ is told first, the task ends then.
        error = stock.until(lambda job=job: stock.task(job).error, "its task has failed")
        assert error and "is not in ADOPT_RQ_FUNCTIONS" in error
    assert stock.done() == Counter({4: 1})


class Evil:
    def __init__(self, effects: str) -> None:
        self.effects = effects

    def __reduce__(self) -> object:
        return (exec, (f"open({self.effects!r}, 'a').write('{{\"number\": 666}}\\n')",))


def test_it_is_given_back_and_rqs_own_workers_go_on(stock: Stock) -> None:
    go = stock.formation.file("go")
    held = stock.queue().enqueue(jobs.hold, stock.effects, 900, str(go))
    queued = stock.enqueue(10)
    stock.adopt("emails")
    one = {"RQ_JOB_EMAILS_CONCURRENCY": "1"}
    stock.formation.daemon(**one)
    stock.runner(**one)
    stock.until(lambda: stock.done()[900], "one runs here")
    told = stock.adopt("emails", "--undo")
    assert "emails: 10 jobs are back in RQ, 1 still run here" in told
    assert stock.queue().get_job_ids() == [job.id for job in queued], "in the order that they had"
    stock.work_off()
    assert {job.get_status() for job in queued} == {"finished"}
    go.touch()
    stock.until(lambda: held.get_status() == "finished", "what ran here has ended here")
    assert "0 jobs are back in RQ, 0 still run here" in stock.adopt("emails", "--undo")
    new = stock.enqueue(1, first=50)
    stock.work_off()
    assert new[0].get_status() == "finished"
    assert set(stock.done().values()) == {1}
    stock.adopt("emails")  # and once more
    again = stock.enqueue(2, first=60)
    stock.until(lambda: again[1].get_status() == "finished", "it is taken over again")


def test_a_runner_that_is_killed_costs_a_run_and_nothing_else(stock: Stock) -> None:
    go = stock.formation.file("go")
    held = stock.queue().enqueue(jobs.hold, stock.effects, 1, str(go))
    stock.adopt("emails")
    stock.formation.daemon()
    runner = stock.runner()
    stock.until(lambda: stock.done()[1], "it runs")
    runner.kill_tree()
    go.touch()
    stock.runner()
    stock.until(lambda: held.get_status() == "finished", "it is run again")
    assert stock.done() == Counter({1: 2})
    assert stock.queue().started_job_registry.get_job_ids() == []


def test_a_runner_that_dies_after_rq_heard_of_the_failure_leaves_a_failed_task(stock: Stock) -> None:
    (job,) = stock.enqueue(1)
    stock.adopt("emails")
    stock.redis.hset(job.key, "status", "failed")  # so it stands after such a death
    stock.formation.daemon()
    stock.runner()
    error = stock.until(lambda: stock.task(job).error, "the task has failed")
    assert error and "RQ has what it said" in error
    assert stock.task(job).status == "failed" and not stock.done()


def test_a_task_that_is_cancelled_here_is_cancelled_there(stock: Stock) -> None:
    (job,) = stock.enqueue(1)
    stock.adopt("emails")
    stock.formation.broker.tasks.cancel("rq", task_id(job.id, 1))
    stock.formation.daemon()
    stock.until(lambda: job.get_status() == "canceled", "RQ is told")
    assert job.id in stock.queue().canceled_job_registry.get_job_ids()


class Killed(BaseException):
    """Whoever moves dies here."""


@pytest.fixture
def types() -> dict[str, object]:
    return adopted_types({"ADOPT_RQ_QUEUES": QUEUES})[0]  # type: ignore[return-value]


def test_whoever_moves_may_die_between_any_two_steps(
    broker: Broker, redis: Redis, monkeypatch: pytest.MonkeyPatch, settings: BrokerSettings
) -> None:
    """Both systems in one Redis. After each death, moving and giving back again leave each job in one place, once."""
    raw = Redis(port=redis.connection_pool.connection_kwargs["port"])
    queue = Queue("emails", connection=raw)
    ids = [queue.enqueue(jobs.tell, "nowhere", number).id for number in range(6)]
    monkeypatch.setattr(source_module, "SLICE", 3)
    deaths = 0
    for direction in ("move", "give_back"):
        for step in range(40):
            adoption = _mortal(broker, settings, step, monkeypatch)
            if direction == "move":
                adoption.source.begin_adopting("emails")
            else:
                adoption.source.end_adopting("emails")
            try:
                if direction == "move":
                    while adoption.move("emails"):
                        pass
                else:
                    list(adoption.give_back("emails"))
            except Killed:
                deaths += 1
                _check_places(broker, adoption, queue, ids)
            else:
                break
        monkeypatch.undo()
        monkeypatch.setattr(source_module, "SLICE", 3)
        _check_places(broker, adoption, queue, ids)
        if direction == "move":
            assert queue.count == 0
    assert deaths > 7
    assert queue.get_job_ids() == ids
    assert {task.status for task in broker.tasks.page("rq").tasks} == {"cancelled"}


def _mortal(broker: Broker, settings: BrokerSettings, step: int, monkeypatch: pytest.MonkeyPatch) -> Adoption:
    """Dies before its n-th call of either side."""
    adoption = Broker(replace(settings, adopt_rq_queues=QUEUES), broker.types).adoption
    left = [step]

    def mortal(call: Callable[..., object]) -> Callable[..., object]:
        def count(*args: object, **options: object) -> object:
            left[0] -= 1
            if left[0] < 0:
                raise Killed
            return call(*args, **options)

        return count

    for owner, names in (
        (adoption.source, ("take", "note_taken", "give_back")),
        (adoption._tasks, ("submit", "cancel")),
    ):
        for name in names:
            monkeypatch.setattr(owner, name, mortal(getattr(owner, name)))
    return adoption


def _check_places(broker: Broker, adoption: Adoption, queue: Queue, ids: list[str]) -> None:
    """Each job is in RQ's list and ours to run in no task, or ours: in our list, or a task that waits."""
    listed = queue.get_job_ids()
    marks = {job: adoption for job, adoption, _ in adoption.source.marks("emails")}
    taken = [each.decode() for each in adoption.source.redis.lrange("rq:broker:taken_jobs:emails", 0, -1)]
    assert sorted([*listed, *marks]) == sorted(ids), "each in one place"
    waiting = {task.payload["job_id"] for task in broker.tasks.page("rq", limit=100).tasks if task.status == "pending"}
    assert all(job in taken or job in waiting for job in marks), "what is ours is in our list, or a task"


def test_a_job_that_somebody_made_by_hand_stops_no_other(
    broker: Broker, settings: BrokerSettings, caplog: pytest.LogCaptureFixture
) -> None:
    raw = Redis.from_url(settings.redis_url)
    queue = Queue("emails", connection=raw)
    nested, endless, many = [queue.enqueue(jobs.tell, "nowhere", number) for number in range(3)]
    raw.hset(nested.key, "data", b"[" * 1_000)
    raw.hset(endless.key, mapping={"timeout": "inf", "retries_left": "-inf"})
    raw.hset(many.key, mapping={"adoptions": "once", "timeout": "nan", "data": zlib.compress(b"[" + b" " * 10**8)})
    raw.set("rq:job:text", "no hash")
    for strange in (b"\xff", b"text", b"gone"):
        raw.lpush(queue.key, strange)
    raw.hset(b"rq:job:\xff", "data", nested.data)
    last = queue.enqueue(jobs.tell, "nowhere", 4)
    adoption = Broker(replace(settings, adopt_rq_queues="emails"), broker.types).adoption
    adoption.source.begin_adopting("emails")
    assert adoption.source.functions("emails") == {"?": 4, "tests.broker.adoption.jobs.tell": 3}

    while adoption.move("emails"):
        pass
    tasks = {each.payload["job_id"]: each for each in broker.tasks.page("rq").tasks}
    assert tasks.keys() == {nested.id, endless.id, many.id, last.id}
    assert [tasks[each.id].payload["function"] for each in (nested, many)] == ["?", "?"]
    assert [tasks[each.id].timeout_seconds for each in (endless, many)] == [7 * 24 * 3600, 180]
    assert tasks[endless.id].max_retries == 0
    assert adoption.refused == 1
    assert raw.zrange("rq:failed:emails", 0, -1) == [b"\xff"]
    assert raw.hget(b"rq:job:\xff", "status") == b"failed"
    (told,) = [each.getMessage() for each in caplog.records if "cannot become a task" in each.getMessage()]
    assert told.startswith(r"job '\udcff' of queue 'emails' cannot become a task, and is among RQ's failed jobs now: ")
    assert {job for job, *_ in adoption.source.marks("emails")} == tasks.keys()


def test_nobody_submits_such_a_task_and_ordinary_workers_do_not_run_it(broker: Broker) -> None:
    payload = {"job_id": "x", "queue": "emails", "function": "f", "adoption": 1, "retries": 0}
    with pytest.raises(InvalidInput) as refused:
        broker.tasks.submit("acme", NewTask("RqJobEmails", payload))
    assert "enqueue them there" in str(refused.value.extra)
    known = Startup.from_env({"REDIS_URL": "redis://x", "ADOPT_RQ_QUEUES": "emails"}).types
    assert "RqJobEmails" in known
    assert "RqJobEmails" not in chosen(known, [])
    assert list(chosen(known, ["RqJobEmails"])) == ["RqJobEmails"]


def test_names_of_queues_and_their_variables() -> None:
    assert type_name("high-priority") == "RqJobHighPriority"
    found, problems = adopted_types({"ADOPT_RQ_QUEUES": "a.b, a-b,default", "RQ_JOB_DEFAULT_RATE": "3"})
    assert found["RqJobDefault"].rate == 3.0
    assert problems == ["ADOPT_RQ_QUEUES: the name of queue 'a-b' makes no task type of its own (RqJobAB)"]


def test_a_name_is_read_without_loading() -> None:
    evil = pickle.dumps(("app.mail.send", None, (Evil("/nowhere"),), {}))
    assert function_name(evil) == "app.mail.send"
    assert function_name(b'["app.mail.send", null, [], {}]') == "app.mail.send"
    assert function_name(b"no pickle") == "?"
    with pytest.raises(NotAllowed, match=r"builtins\.exec"):
        Loader({"app.*"}).loads(evil)
    assert Loader(()).loads(pickle.dumps((date(2030, 1, 1), {"a": {1, 2}}))) == (date(2030, 1, 1), {"a": {1, 2}})
