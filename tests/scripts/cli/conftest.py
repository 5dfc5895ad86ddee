"""The gateway of ``tests.gateway`` on a port, and the program: called in this process, or as one of its own."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from flask import Flask

from broker.broker import Broker
from scripts.cli.main import run
from tests.gateway.conftest import app, broker, gateway_settings
from tests.gateway.serving import serving

__all__ = ["app", "broker", "gateway_settings"]

ROOT = Path(__file__).resolve().parents[3]


class Said(NamedTuple):
    """How the program ended, and what it said."""

    status: int
    out: str
    err: str


def enlist(broker: Broker, name: str = "tester", types: str = "VideoTranscoding") -> None:
    """A worker that says it is there; ``tests.gateway.work`` runs its tasks."""
    fields = {"hostname": "box", "pid": 7, "successful_job_count": 3, "failed_job_count": 1}
    broker.transitions.register_worker(name, ttl=60, queues=types, fields=fields)


def time_is_over(*_: object) -> Iterator[dict[str, Any]]:
    """Stands for following tasks when ``--timeout`` is over before the first look at one."""
    signal.raise_signal(signal.SIGALRM)
    yield {}


Mindia = Callable[..., Said]
Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def nothing_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """Forecasts are made anew for each question; else they are a second old, and durations ten."""
    for name in ("_FRESH", "_MEASURED_FRESH"):
        monkeypatch.setattr(f"broker.forecast.forecasts.{name}", 0.0)


@pytest.fixture(scope="session")
def url(app: Flask) -> Iterator[str]:
    """One server for all tests, as its application is."""
    admit: Any = app.admit  # type: ignore[attr-defined]
    with serving(app, admit=admit) as served:
        yield f"http://127.0.0.1:{served.port}"


@pytest.fixture
def environ(url: str, tmp_path: Path) -> dict[str, str]:
    """The operator's, who is a tenant too."""
    return {"MINDIA_URL": url, "MINDIA_KEY": "ops-key", "XDG_STATE_HOME": str(tmp_path), "DATA_DIR": str(tmp_path)}


@pytest.fixture
def mindia(environ: dict[str, str], monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Mindia:
    """Calls the program; what it said before is forgotten."""
    for name, value in environ.items():
        monkeypatch.setenv(name, value)

    def call(*arguments: object) -> Said:
        capfd.readouterr()
        status = run([str(each) for each in arguments])
        return Said(status, *capfd.readouterr())

    return call


@pytest.fixture
def start(environ: dict[str, str]) -> Iterator[Start]:
    """Starts the program as a process; whatever goes on is killed after the test."""
    started: list[subprocess.Popen[str]] = []

    def begin(*arguments: object, **options: Any) -> "subprocess.Popen[str]":
        clean = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        command = [sys.executable, "-m", "scripts.cli", *map(str, arguments)]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "stdin": subprocess.DEVNULL} | options
        process = subprocess.Popen(command, cwd=ROOT, env=clean | environ, text=True, **pipes)
        started.append(process)
        return process

    yield begin
    for process in started:
        if process.poll() is None:
            process.kill()
        process.communicate()
