"""Guards plugins in real workers: what waits for a service holds nobody up, and no death makes anybody pay twice."""

import io
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from broker.broker import Broker
from broker.clock import to_rfc3339
from broker.config import BrokerSettings
from broker.media.records import MediaRecord
from broker.plugin import Plugin
from broker.task import NewTask, Task
from handlers.plugin_execution.task import PLUGIN_EXECUTION
from tests.broker.worker.conftest import SHORT_LEASE
from tests.broker.worker.harness import TENANT, Formation, Process
from tests.handlers.plugins.assembly_ai_server import KEY, Service, serve
from tests.waiting import PATIENCE, wait_until

MEDIA_ID = "550e8400-e29b-41d4-a716-446655440000"
TYPES = {"PluginExecution": replace(PLUGIN_EXECUTION, rate=None)}


SECRET = "hush" * 4


@pytest.fixture
def service() -> Iterator[Service]:
    with serve() as running:
        yield running


class Plugins:
    """A daemon, workers that run plugins, and one audio file, which the first task uploads."""

    def __init__(self, formation: Formation, settings: BrokerSettings) -> None:
        self.formation = formation
        self.broker = Broker.connect(settings, TYPES)
        self.broker.storage.put(f"{TENANT}/{MEDIA_ID}/source", io.BytesIO(b"RIFF" * 1000))
        formation.daemon()

    def worker(self, **environ: str) -> Process:
        return self.formation._start("worker", ["-m", "scripts.worker", "PluginExecution"], environ)

    def execute(self, name: str) -> str:
        media = MediaRecord(MEDIA_ID, TENANT, "audio", "a.wav", "audio/wav", 4000, f"{TENANT}/{MEDIA_ID}/source",
                            to_rfc3339(0))  # fmt: skip
        new = NewTask("PluginExecution", {"plugin_name": name, "media_id": MEDIA_ID}, max_retries=0)
        return self.broker.tasks.submit(TENANT, new, media)[0].id

    def ended(self, task_id: str) -> Task:
        """The task once it has completed."""
        return self.formation.until_status(task_id, "completed", seconds=30)


@pytest.fixture
def plugins(tmp_path: Path, redis_url: str, service: Service) -> Iterator[Plugins]:
    environ = {
        "SECRET_KEY": SECRET,
        "ASSEMBLY_AI_BASE_URL": service.url,
        "PLUGIN_EXECUTION_RATE": "none",
        "LEASE_SECONDS": SHORT_LEASE,
    }
    with Formation(tmp_path, redis_url, **environ) as formation:
        settings = replace(formation.broker.settings, secret_key=SECRET)
        plugins = Plugins(formation, settings)
        plugins.broker.plugin_configs.write(TENANT, "assembly_ai", {"api_key": KEY})
        yield plugins
        plugins.broker.redis.close()


class Lacking(Plugin):
    """Cannot run on any machine."""

    name = "lacking"
    description = "For this test."
    media_types = frozenset({"audio"})
    requires = ("no_such_module",)


def test_a_worker_says_which_plugins_it_cannot_run(plugins: Plugins) -> None:
    plugins.worker(PLUGINS=f"{__name__}:Lacking")
    wait_until(plugins.broker.workers.list, "the worker is there")
    found = plugins.broker.workers.lacking("PluginExecution")
    assert "lacking" in found
    assert "checksum" not in found
    assert plugins.broker.workers.lacking("VideoTranscoding") == frozenset()


def test_a_worker_that_dies_while_it_orders_does_not_pay_twice(plugins: Plugins, service: Service) -> None:
    """The order was made, its id is not known to anybody here yet."""
    service.answering.clear()
    service.statuses = ["completed"]
    task_id = plugins.execute("assembly_ai")
    worker = plugins.worker()
    assert service.ordered.wait(30), plugins.formation.logs()
    worker.kill_tree()
    worker.wait(PATIENCE)
    service.answering.set()
    plugins.worker()
    task = plugins.ended(task_id)
    assert task.result["data"]["transcript_id"] == "transcript-0"
    assert task.retry_count == 0
    assert (len(service.uploads), len(service.orders)) == (1, 1)


def test_while_one_plugin_rests_another_goes_on(plugins: Plugins, service: Service) -> None:
    """One child, no retries: neither task waits for the other, and the rest is as long as the service said."""
    service.planned = {"POST /v2/upload": [(429, "", {"Retry-After": "2"})]}
    service.statuses = ["completed"]
    resting = plugins.execute("assembly_ai")
    plugins.worker()
    key = plugins.broker.keys.cooldown(f"assembly_ai:{TENANT}")
    plugins.formation.until(lambda: plugins.broker.redis.exists(key), "the plugin rests", 30)
    other = plugins.ended(plugins.execute("checksum"))
    task = plugins.ended(resting)
    assert (other.completed_at or "") < (task.completed_at or "")
    assert (task.retry_count, task.error, task.attempts) == (0, None, [])
    assert KEY not in plugins.formation.logs()
