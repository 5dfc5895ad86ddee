"""One shell for a page, which is typed into and read from as a person would do it."""

import os
import select
import subprocess
import time
import uuid
from collections.abc import Mapping
from pathlib import Path

PATIENCE = 60.0


class Shell:
    """``run`` answers what a command prints, on both streams, and its exit status."""

    def __init__(self, folder: Path, environ: Mapping[str, str]) -> None:
        self._bash = subprocess.Popen(
            ["bash", "--norc", "--noprofile"],
            cwd=folder,
            env=dict(environ),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    def run(self, command: str) -> tuple[str, int]:
        assert self._bash.stdin
        mark = uuid.uuid4().hex
        self._bash.stdin.write(f"{{ {command}\n}} </dev/null\nprintf '\\n%s %s\\n' {mark} $?\n".encode())
        self._bash.stdin.flush()
        printed = self._read_until(f"{mark} ".encode(), command)
        output, _, status = printed.rpartition(f"{mark} ")
        return output.removesuffix("\n"), int(status)

    def _read_until(self, mark: bytes, command: str) -> str:
        assert self._bash.stdout
        read, end = b"", time.monotonic() + PATIENCE
        while mark not in read or not read.endswith(b"\n"):
            ready, _, _ = select.select([self._bash.stdout], [], [], max(0, end - time.monotonic()))
            part = os.read(self._bash.stdout.fileno(), 65536) if ready else b""
            assert part, f"no end of {command!r}; it printed:\n{read.decode(errors='replace')}"
            read += part
        return read.decode()

    def close(self) -> None:
        self._bash.kill()
        self._bash.communicate()
