"""The processes of one peer: producers that print how long they took, and workers in process groups of their own."""

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from scripts.bench.environments import PROGRAMS, command, variables
from scripts.bench.peers import Peer

_PATIENCE = 300.0
_STOP_PATIENCE = 10.0


class Crew:
    """A peer's processes against one server; what they say goes to ``scratch``."""

    def __init__(self, peer: Peer, url: str, scratch: Path) -> None:
        self._peer = peer
        self._url = url
        self._environ = variables(peer, url, scratch)
        self._log = scratch / "log"

    def produce(self, what: str, count: int) -> float:
        """Submits ``count`` and one more task to warm up; returns the seconds that the ``count`` took."""
        program = self._peer.program
        start = f"node {program}" if self._peer.is_node else f"python producer.py {program.removesuffix('.py')}"
        argv = command(self._peer, f"{start} {what} {count}", self._url)
        with self._log.open("a") as log:
            done = subprocess.run(argv, cwd=PROGRAMS, env=self._environ, stdout=subprocess.PIPE, stderr=log, text=True,
                                  timeout=_PATIENCE)  # fmt: skip
        if done.returncode:
            raise RuntimeError(f"{self._peer.name} could not submit:\n{self.log()}")
        return float(done.stdout.split()[-1])

    @contextmanager
    def workers(self) -> Iterator[list["subprocess.Popen[bytes]"]]:
        """All worker processes, gone at the end with everything below them."""
        started = [self._start(line) for line in self._peer.workers]
        try:
            yield started
        finally:
            for process in started:
                process.send_signal(signal.SIGTERM)
            for process in started:
                with suppress(subprocess.TimeoutExpired):
                    process.wait(_STOP_PATIENCE)
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                process.wait()

    def _start(self, line: str) -> "subprocess.Popen[bytes]":
        with self._log.open("a") as log:
            return subprocess.Popen(
                command(self._peer, line, self._url),
                cwd=PROGRAMS,
                env=self._environ,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def log(self) -> str:
        """The end of what all processes said."""
        return self._log.read_text(errors="replace")[-4000:]
