"""The gateway as the Procfile starts it: a process, a port and signals."""

import os
import shlex
import subprocess
import sys
import time
from pathlib import Path

import requests

from tests.servers import own_port

ROOT = Path(__file__).parents[2]
ACME_KEY = "the-key-that-acme-has"
KEY = {"Authorization": f"Bearer {ACME_KEY}"}
PATIENCE = 60


def _command() -> list[str]:
    """The Procfile's web line, run by this Python on a single worker."""
    (line,) = [line for line in (ROOT / "Procfile").read_text().splitlines() if line.startswith("web:")]
    words = shlex.split(line.removeprefix("web: ").replace("${HOST:-0.0.0.0}:${PORT:-8000}", "127.0.0.1:$PORT"))
    return [sys.executable, *(word.replace("${WEB_CONCURRENCY:-2}", "1") for word in words[1:])]


class Server:
    """A running gateway."""

    def __init__(self, environ: dict[str, str], *options: str) -> None:
        self.port = own_port()
        argv = [word.replace("$PORT", str(self.port)) for word in (*_command(), *options)]
        clean = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "LANG")}
        self.process = subprocess.Popen(
            argv, cwd=ROOT, env=clean | environ, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
        )

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def wait_until_ready(self) -> None:
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline and self.process.poll() is None:
            try:
                if requests.get(f"{self.url}/readyz", timeout=5).ok:
                    return
            except (requests.ConnectionError, requests.Timeout):  # a busy machine answers late
                time.sleep(0.02)
        raise AssertionError("the gateway did not become ready")

    def stop(self) -> tuple[int, str]:
        """The exit status after SIGTERM, and what was logged."""
        self.process.terminate()
        _, log = self.process.communicate(timeout=PATIENCE)
        return self.process.returncode, log
