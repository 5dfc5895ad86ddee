"""A formation of real workers and daemons for one test, which sees what they do and leaves nothing behind."""

import json
import os
import shlex
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

import pytest
import requests

from broker.broker import Broker
from broker.config import BrokerSettings
from broker.task import NewTask, Task
from tests.broker.worker import processes
from tests.broker.worker.task_types import TYPES
from tests.invariants import check_invariants
from tests.waiting import PATIENCE

T = TypeVar("T")
TENANT = "acme"
_ROOT = Path(__file__).resolve().parents[3]


class Process:
    """One worker or daemon, or another program; ``says`` is what it writes first of all once it is at work."""

    def __init__(self, name: str, popen: "subprocess.Popen[bytes]", log: Path, says: str) -> None:
        self.name = name
        self.log = log
        self.pid = popen.pid
        self._popen = popen
        self._says = says
        self._starts_until = time.monotonic() + PATIENCE

    @property
    def starting(self) -> bool:
        """It lives and has not come to its work yet; for a minute at most."""
        if self._says and (not self.alive or self._says in self.text or time.monotonic() > self._starts_until):
            self._says = ""
        return bool(self._says)

    @property
    def children(self) -> list[int]:
        return processes.children(self.pid)

    @property
    def alive(self) -> bool:
        return self._popen.poll() is None

    def kill(self, number: int = signal.SIGKILL) -> None:
        self._popen.send_signal(number)

    def kill_tree(self, number: int = signal.SIGKILL) -> None:
        """The signal to every process at once, as a machine or a platform does it; the root first."""
        for pid in processes.tree(self.pid):
            send(pid, number)

    def wait(self, seconds: float) -> int:
        """The exit status; fails when it takes longer."""
        try:
            return self._popen.wait(seconds)
        except subprocess.TimeoutExpired:
            pytest.fail(f"{self.name} did not end within {seconds} s\n{self.text}")

    @property
    def text(self) -> str:
        return self.log.read_text(errors="replace")


class Formation:
    """Starts processes, submits tasks and waits; a context manager at whose end everything is dead."""

    def __init__(self, folder: Path, redis_url: str, **environ: str) -> None:
        self.folder = folder
        self.mark = uuid.uuid4().hex
        self.processes: list[Process] = []
        self._gateways: list[Process] = []
        self._started = 0
        self._effects = folder / "effects.jsonl"
        self._effects.touch()
        self._effects_read = 0
        self._effects_known: list[dict[str, Any]] = []
        self.environ = {
            **os.environ,
            "REDIS_URL": redis_url,
            "DATA_DIR": str(folder / "data"),
            "EFFECTS": str(self._effects),
            "TMPDIR": str(folder),
            "PYTHONPATH": str(_ROOT),
            "WORKER_PROCESSES": "1",
            processes.MARK: self.mark,
            **environ,
        }
        #: Off when a foreign hand has deleted tasks, of whose durations only the mean is kept.
        self.exact_durations = True
        self._settings = BrokerSettings.from_env(self.environ)
        self.broker = Broker.connect(self._settings, TYPES)

    def __enter__(self) -> "Formation":
        return self

    def __exit__(self, error: object, *_: object) -> None:
        try:
            if error is None:
                self.check()
        finally:
            self._end()

    def _end(self) -> None:
        """Whatever a test did to its workers, they take everything with them when they are killed."""
        for gateway in self._gateways:  # gunicorn's processes would outlive its master for a while
            gateway.kill_tree()
        for process in self.processes:
            if process.alive:
                process.kill()
            process.wait(PATIENCE)
        deadline = time.monotonic() + 10
        while (left := processes.marked(self.mark)) and time.monotonic() < deadline:
            time.sleep(0.02)
        names = [processes.command(pid) for pid in left]
        for pid in left:
            send(pid, signal.SIGKILL)
        self.broker.redis.close()
        assert not left, f"left behind: {names}\n{self.logs()}"

    def check(self) -> None:
        """Every place in Redis agrees with every other, whatever is going on."""
        check_invariants(self.broker.redis, self.broker.keys, exact_durations=self.exact_durations)

    # processes --------------------------------------------------------------------------------------------------

    def worker(self, **environ: Any) -> Process:
        """A worker for all test types; the environment holds what differs from the formation's."""
        return self._start("worker", ["-m", "tests.broker.worker.main"], environ, says="worker for ")

    def daemon(self, **environ: Any) -> Process:
        return self._start("daemon", ["-m", "broker"], environ, says="daemon: ")

    def program(self, name: str, *argv: str, **environ: Any) -> Process:
        """Any other program, run by this Python."""
        return self._start(name, list(argv), environ)

    def gateway(self, port: int, **environ: Any) -> Process:
        """The Procfile's gateway for the test types; returns when it is ready."""
        [line] = [line for line in (_ROOT / "Procfile").read_text().splitlines() if line.startswith("web:")]
        words = shlex.split(line.removeprefix("web: ").replace("${HOST:-0.0.0.0}:${PORT:-8000}", f"127.0.0.1:{port}"))
        own = {"${WEB_CONCURRENCY:-2}": "2", "scripts.web:app": "tests.broker.worker.web:app"}
        argv = [own.get(word, word) for word in words]
        process = self._start("gateway", argv[1:], {"TASK_TYPES": "tests.broker.worker.task_types:ACT", **environ})
        self._gateways.append(process)
        self.until(lambda: _answers(port) or not process.alive, "the gateway is ready")
        return process

    def _start(self, name: str, argv: list[str], environ: dict[str, Any], *, says: str = "") -> Process:
        self._started += 1
        name = f"{name}-{self._started}"
        log = self.folder / f"{name}.log"
        with log.open("wb") as output:
            popen = subprocess.Popen(
                [sys.executable, *argv],
                env={**self.environ, **{key: str(value) for key, value in environ.items()}},
                cwd=self.folder,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        process = Process(name, popen, log, says)
        self.processes.append(process)
        return process

    def logs(self) -> str:
        """What the latest processes wrote."""
        return "\n".join(f"--- {process.name} ({process.pid})\n{process.text}" for process in self.processes[-12:])

    # tasks ------------------------------------------------------------------------------------------------------

    def submit(self, act: str, *, type: str = "Act", options: dict[str, Any] | None = None, **args: Any) -> str:
        """A task that acts; ``options`` are fields of ``NewTask``. Returns its id."""
        new = NewTask(type, {"act": act, "args": args}, **(options or {}))
        return self.broker.tasks.submit(TENANT, new)[0].id

    def task(self, task_id: str) -> Task:
        return self.broker.tasks.get(TENANT, task_id)

    def field(self, task_id: str, name: str) -> str | None:
        """A field of the task's hash that no reader shows."""
        found: str | None = self.broker.redis.hget(self.broker.keys.job(task_id), name)
        return found

    def file(self, name: str) -> Path:
        """A file that holding tasks wait for; ``touch()`` lets them go on."""
        return self.folder / name

    def effects(self, task_id: str | None = None, what: str | None = None) -> list[dict[str, Any]]:
        """What tasks really did, in order."""
        with self._effects.open("rb") as file:
            file.seek(self._effects_read)
            new = file.read()
        self._effects_read += (whole := new.rfind(b"\n") + 1)
        self._effects_known += [json.loads(line) for line in new[:whole].splitlines()]
        return [
            line for line in self._effects_known if task_id in (None, line["task"]) and what in (None, line["what"])
        ]

    # waiting ----------------------------------------------------------------------------------------------------

    def until(self, condition: Callable[[], T], what: str, seconds: float = PATIENCE) -> T:
        """The first true answer of the condition; fails with all logs when there is none in time.

        Time counts from when every process is at work: how long Python takes to start says nothing of what they do.
        """
        deadline = time.monotonic() + seconds
        while True:
            if answer := condition():
                return answer
            if any(process.starting for process in self.processes):
                deadline = time.monotonic() + seconds
            elif time.monotonic() > deadline:
                pytest.fail(f"not within {seconds:g} s: {what}\n{self.logs()}")
            time.sleep(0.01)

    def until_status(self, task_id: str, *statuses: str, seconds: float = PATIENCE) -> Task:
        """The task once it has one of these statuses."""

        def reached() -> Task | None:
            task = self.task(task_id)
            return task if task.status in statuses else None

        return self.until(reached, f"{task_id} is {' or '.join(statuses)}", seconds)

    def until_started(self, task_id: str, attempt: int = 1, seconds: float = PATIENCE) -> dict[str, Any]:
        """The effect with which an attempt began: it has the child's pid and when."""

        def started() -> dict[str, Any] | None:
            return next((line for line in self.effects(task_id, "start") if line["attempt"] == attempt), None)

        return self.until(started, f"attempt {attempt} of {task_id} has started", seconds)

    def until_gone(self, *pids: int, seconds: float = PATIENCE) -> None:
        def gone() -> bool:
            return not any(processes.alive(pid) for pid in pids)

        self.until(gone, f"gone: {[processes.command(pid) for pid in pids]}", seconds)

    def until_idle(self, children: int, seconds: float = PATIENCE) -> None:
        """So many children sleep and are known to do so."""
        redis, idle = self.broker.redis, self.broker.keys.idle(",".join(sorted(TYPES)))
        self.until(lambda: redis.scard(idle) == children, f"{children} idle children", seconds)


def _answers(port: int) -> bool:
    try:
        return requests.get(f"http://127.0.0.1:{port}/livez", timeout=5).ok
    except requests.RequestException:
        return False


def send(pid: int, number: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, number)
