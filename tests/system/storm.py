"""A formation under load that is hit by faults at random, and kept at its strength."""

import random
import signal
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from broker.errors import Unavailable
from broker.task import NewTask
from tests.broker.worker import processes
from tests.broker.worker.harness import TENANT, Formation, Process, send
from tests.system.ledger import Fault, Ledger
from tests.system.sampler import Sampler

#: More tasks are not on their way at a time, so that one that was struck does not wait long for its turn.
_OUTSTANDING = 6


class Storm:
    """Submits tasks in the background while a test does harm. All luck comes from one seed, which is printed."""

    def __init__(
        self,
        formation: Formation,
        seed: int,
        seconds: tuple[float, float],
        acts: Sequence[str] = ("sleep",),
        **environ: Any,
    ) -> None:
        """``seconds`` bounds how long tasks take, ``acts`` is what they do; the environment is that of the workers."""
        print(f"\n  seed {seed}, tasks of {seconds[0]:g} to {seconds[1]:g} s")
        self.formation = formation
        self.ledger = Ledger(formation)
        self.random = random.Random(seed)
        self.workers: list[Process] = []
        self._seconds = seconds
        self._acts = acts
        self._environ = environ
        self._stop = threading.Event()

    @contextmanager
    def raging(self, workers: int = 3) -> Iterator[None]:
        """Load on so many workers, as long as the block lasts; then waits until all work has ended."""
        self.workers = [self.formation.worker(**self._environ) for _ in range(workers)]
        submitting = threading.Thread(target=self._submit)
        sampler = Sampler(self.formation)
        with sampler.watching():
            submitting.start()
            try:
                yield
            finally:
                self._stop.set()
                submitting.join()
            self.formation.until(lambda: self.outstanding() == 0, "all work has ended", seconds=120)
        print(f"\n  counters sampled {sampler.samples} times, inexact {len(sampler.wrong)} times")
        assert sampler.samples and not sampler.wrong, sampler.wrong

    def outstanding(self) -> int:
        """Tasks that have not reached their end."""
        counts = self.formation.broker.tasks.stats(TENANT).by_status
        return counts["pending"] + counts["scheduled"] + counts["processing"]

    def _submit(self) -> None:
        """As a careful client does: each task has its id before it is sent, and is sent until it is acknowledged."""
        luck = random.Random(self.random.random())
        while not self._stop.wait(0.01):
            with suppress(Unavailable):
                if self.outstanding() >= _OUTSTANDING:
                    continue
            payload = {"act": luck.choice(self._acts), "args": {"seconds": luck.uniform(*self._seconds)}}
            kind, priority = luck.choice(("Act", "Act", "Act", "Limited")), luck.choice((0, 0, 0, 5))
            new = NewTask(kind, payload, priority=priority, id=str(uuid.UUID(int=luck.getrandbits(128), version=4)))
            while not self._acknowledged(new):
                time.sleep(0.05)

    def _acknowledged(self, new: NewTask) -> bool:
        try:
            self.ledger.acknowledged.append(self.formation.broker.tasks.submit(TENANT, new)[0].id)
        except Unavailable:
            return False
        return True

    # faults -----------------------------------------------------------------------------------------------------

    def kill_something(self) -> None:
        """SIGKILL to a child, a supervisor alone or a whole tree that is at work."""
        worker = self.random.choice(self.workers)
        busy = self.formation.until(lambda: self._at_work(worker), "the victim is at work", seconds=60)
        kind = self.random.choice(("child killed", "supervisor killed", "whole tree killed"))
        if kind == "child killed":
            doomed = processes.tree(busy[0])
            self._strike(kind, [busy[0]], lambda: send(busy[0], signal.SIGKILL))
        else:
            doomed = processes.tree(worker.pid)
            self._strike(kind, worker.children, worker.kill if kind == "supervisor killed" else worker.kill_tree)
        self.formation.until_gone(*doomed, seconds=1)  # programs of the handlers as well
        if kind == "child killed":
            self.formation.until(lambda: not Path(f"/proc/{busy[0]}").exists(), "the supervisor has noticed")
        else:
            self.replace(worker)

    def terminate(self, kind: str, worker: Process, blow: Callable[[], None]) -> float:
        """Tells a worker to stop in some way and starts its successor; returns how long it took to be gone."""
        children = self.formation.until(lambda: worker.children, "the worker is up")
        self._strike(kind, children, blow)
        told = time.monotonic()
        self.replace(worker)
        assert worker.wait(25) == 0
        return time.monotonic() - told

    def _strike(self, kind: str, pids: list[int], blow: Callable[[], None]) -> None:
        self.ledger.faults.append(Fault(kind, time.monotonic(), frozenset(pids)))
        blow()

    def _at_work(self, worker: Process) -> list[int]:
        """Children of the worker that are in the middle of a run."""
        recent = self.formation.effects()[-400:]
        ended = {(line["task"], line["attempt"]) for line in recent if line["what"] == "end"}
        busy = {line["pid"] for line in recent if (line["task"], line["attempt"]) not in ended}
        return [pid for pid in worker.children if pid in busy]

    def replace(self, worker: Process) -> None:
        """A new worker in the place of one that is going."""
        self.workers[self.workers.index(worker)] = self.formation.worker(**self._environ)
