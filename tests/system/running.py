"""A ``make run`` under test: started, read line by line, and gone without a trace at the end of the test."""

import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from uuid import uuid4

from tests.waiting import PATIENCE

REPOSITORY = Path(__file__).resolve().parents[2]


class Run:
    """``python -m scripts.run`` in ``folder``; every process under it carries a mark, by which it is found again."""

    def __init__(self, folder: Path, environ: Mapping[str, str]) -> None:
        self.mark = f"{uuid4()}"
        self.data = folder / environ.get("DATA_DIR", ".data")
        self.lines: list[str] = []
        #: Set to stop reading after one more line, as `make run | head` does.
        self.deaf = False
        clean = {name: value for name, value in os.environ.items() if name not in ("REDIS_URL", "PORT", "DATA_DIR")}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "scripts.run"],
            cwd=folder,
            env={**clean, "PYTHONPATH": str(REPOSITORY), "MARK": self.mark, **environ},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout
        with self.process.stdout as stdout:
            for line in stdout:
                self.lines.append(line.decode().rstrip("\n"))
                if self.deaf:
                    break

    def matches(self, pattern: str) -> list[re.Match[str]]:
        """What matched so far, line by line."""
        return [match for line in list(self.lines) if (match := re.search(pattern, line))]

    def wait_for_line(self, pattern: str, count: int = 1) -> None:
        """Returns once so many lines have matched."""
        deadline = time.monotonic() + PATIENCE
        while len(self.matches(pattern)) < count:
            assert time.monotonic() < deadline, f"no line like {pattern!r} in:\n{self.output()}"
            time.sleep(0.01)

    def wait_until_ready(self) -> dict[str, int]:
        """The process numbers by name, from the table that is printed when everything is ready."""
        self.wait_for_line("^Ctrl-C stops everything")
        return {match[1]: int(match[2]) for match in self.matches(r"^  (\w+) +(\d+)  running$")}

    def signal(self, number: int) -> None:
        self.process.send_signal(number)

    def wait(self, timeout: float = PATIENCE) -> int:
        """The exit status; all output is in ``lines`` then."""
        status = self.process.wait(timeout)
        self._reader.join(timeout)
        return status

    def output(self) -> str:
        return "\n".join(self.lines)

    def survivors(self) -> dict[int, str]:
        """Command lines of the living processes that this run started, by number; the server not among them."""
        found, server = {}, self.server()
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                ours = f"MARK={self.mark}".encode() in (folder / "environ").read_bytes()
                command = (folder / "cmdline").read_bytes()
            except OSError:
                continue
            if ours and command and int(folder.name) != server:
                found[int(folder.name)] = command.replace(b"\0", b" ").decode()
        return found

    def server(self) -> int | None:
        """The process number of the embedded server while it lives."""
        try:
            pid = int((self.data / "valkey/valkey.pid").read_text())
            os.kill(pid, 0)
        except (FileNotFoundError, ProcessLookupError):
            return None
        return pid

    def clean_up(self) -> None:
        """Kills whatever is left."""
        while left := self.survivors():
            for pid in left:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            time.sleep(0.01)
        self.process.wait(PATIENCE)
        if server := self.server():
            os.kill(server, signal.SIGKILL)
        self._reader.join(PATIENCE)
