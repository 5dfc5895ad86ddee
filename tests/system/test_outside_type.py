"""The ten lines of docs/start.md for a task type of one's own, run as they stand, from outside the package."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from broker.broker import Broker
from broker.config import BrokerSettings
from broker.task_type import TaskType
from broker.tasks.installed_types import load_types
from gateway.app import create_app
from gateway.auth import Tenants
from gateway.config import GatewaySettings
from tests.system.running import REPOSITORY
from tests.waiting import wait_until


@pytest.fixture
def environ(tmp_path: Path, settings: BrokerSettings, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """An environment that names that type, whose module lies in a folder of its own."""
    page = (REPOSITORY / "docs" / "start.md").read_text()
    found = re.search(r"```python\n(# greetings\.py\n.*?)```", page, re.S)
    assert found, "the page has no example of a task type"
    (tmp_path / "greetings.py").write_text(found[1])
    monkeypatch.syspath_prepend(str(tmp_path))
    return {
        **os.environ,
        "PYTHONPATH": f"{tmp_path}{os.pathsep}{REPOSITORY}",
        "TASK_TYPES": "greetings:GREETING",
        "REDIS_URL": settings.redis_url,
        "DATA_DIR": str(settings.data_dir),
        "WORKER_PROCESSES": "1",
    }


@pytest.fixture
def types(environ: dict[str, str]) -> dict[str, TaskType]:
    return load_types(environ)


@pytest.fixture
def worker(environ: dict[str, str]) -> Iterator[None]:
    process = subprocess.Popen([sys.executable, "-m", "scripts.worker", "Greeting"], env=environ, cwd=REPOSITORY)
    yield
    process.terminate()
    assert process.wait(30) == 0


def test_the_type_works_from_outside(broker: Broker, worker: None) -> None:
    client = create_app(GatewaySettings(Tenants([("me", "key")]), "secret", 1000), broker, {}).test_client()
    client.environ_base["HTTP_AUTHORIZATION"] = "Bearer key"

    refused = client.post("/api/tasks", json={"type": "Greeting", "payload": {}})
    assert refused.status_code == 422
    assert refused.get_json()["errors"][0]["pointer"] == "#/payload/name"

    made = client.post("/api/tasks", json={"type": "Greeting", "payload": {"name": "Ada"}})
    assert made.status_code == 201, made.get_json()
    address = made.headers["Location"]
    wait_until(lambda: client.get(address).get_json()["status"] == "completed", "the greeting is done")
    assert client.get(address).get_json()["result"] == {"text": "Hello Ada"}

    assert client.get("/api/tasks/stats").get_json()["by_type"]["Greeting"] == 1
    queue = next(each for each in client.get("/api/queues").get_json()["queues"] if each["type"] == "Greeting")
    assert (queue["rate"], queue["burst"], queue["workers"]) == (10.0, 20, 1)
