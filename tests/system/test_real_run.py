"""Guards the whole: the real Procfile under `make run`, its processes killed one way and the other."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.servers import own_port
from tests.system.running import REPOSITORY, Run
from tests.waiting import wait_until

FORMATION = {"web", "broker", "worker", "search", "dashboard"}


@pytest.fixture
def port() -> int:
    return own_port()


@pytest.fixture
def run(tmp_path: Path, port: int) -> Iterator[Run]:
    run = Run(REPOSITORY, {"PORT": str(port), "DATA_DIR": str(tmp_path)})
    yield run
    run.clean_up()


def ready(port: int) -> bool:
    try:
        return requests.get(f"http://127.0.0.1:{port}/readyz", timeout=5).status_code == 200
    except (requests.ConnectionError, requests.Timeout):  # a busy machine answers late
        return False


def workers(dashboard: str) -> Any:
    """Those that it shows; none before it listens, which nobody waits for at the start."""
    try:
        return requests.get(f"{dashboard}/0/data/workers.json", timeout=10).json()["workers"]
    except (requests.ConnectionError, requests.Timeout):
        return []


def test_every_process_comes_back_and_nothing_is_left_when_the_manager_is_killed(
    run: Run, tmp_path: Path, port: int
) -> None:
    pids = run.wait_until_ready()
    assert set(pids) == FORMATION
    key = (tmp_path / "api_key").read_text()
    answer = requests.get(f"http://127.0.0.1:{port}/api/tasks", headers={"Authorization": f"Bearer {key}"}, timeout=10)
    assert answer.json()["total"] == 0
    [dashboard] = run.matches(r"^  dashboard +(http://127\.0\.0\.1:\d+)$")
    wait_until(lambda: workers(dashboard[1]), "workers shown")

    for name, pid in pids.items():
        os.kill(pid, signal.SIGKILL)
        run.wait_for_line(rf"{name} died \(SIGKILL\)")
    wait_until(lambda: ready(port), "the gateway is back")
    run.wait_for_line(r"^[\d:]{8} worker +\| .*worker for", count=2)
    assert not set(pids.values()) & set(run.survivors())

    run.signal(signal.SIGKILL)
    wait_until(lambda: not run.survivors(), "nothing but the server is left")
    assert run.server()


def test_in_json_every_line_of_every_process_is_an_object_the_doctor_needs_no_settings_and_all_end_when_told_to(
    tmp_path: Path,
) -> None:
    run = Run(REPOSITORY, {"PORT": str(own_port()), "DATA_DIR": str(tmp_path), "LOG_FORMAT": "json"})
    try:
        run.wait_for_line("Mindia Tasks is ready")
        environ = {name: value for name, value in os.environ.items() if name != "REDIS_URL"}
        command = [sys.executable, "-m", "broker", "doctor"]
        done = subprocess.run(
            command,
            cwd=REPOSITORY,
            env=environ | {"DATA_DIR": str(tmp_path)},
            capture_output=True,
            timeout=60,
            check=False,
        )
        assert done.stdout.decode().splitlines()[-1] == "healthy"
        run.signal(signal.SIGTERM)
        assert run.wait() == 0
        assert not run.survivors()
        assert run.server() is None
    finally:
        run.clean_up()
    assert not run.matches("died")
    assert not run.matches("Traceback")
    told = [json.loads(line) for line in run.lines]
    assert {each["name"] for each in told} >= {*FORMATION, "run"}
    written_as_text = [each for each in told if each["name"] in FORMATION and each["logger"] == each["name"]]
    assert [each for each in written_as_text if "process" not in each] == [], "nothing had to be wrapped"
