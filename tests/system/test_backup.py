"""Guards the copy of a running system: restored in another place, it has every task that was accepted, and goes on."""

import io
import os
import subprocess
import sys
from pathlib import Path

from broker.access.api_keys import NewKey
from broker.access.scopes import Scope
from broker.actor import Actor
from broker.broker import Broker
from broker.config import BrokerSettings
from broker.media.open_storage import open_storage
from broker.media.records import MediaRecord
from broker.task import NewTask
from scripts.formation.credentials import keep
from scripts.formation.valkey import EmbeddedValkey
from tests.broker.worker.harness import TENANT, Formation
from tests.broker.worker.task_types import TYPES
from tests.system.running import REPOSITORY

MEDIA = "5b0f1c1e-8a3e-4f0e-9a55-0b7d5f1d2c3a"


def backup(action: str, folder: Path, data_dir: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "scripts.backup", action, str(folder)],
        env={**os.environ, "DATA_DIR": str(data_dir), "PYTHONPATH": str(REPOSITORY)},
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip


def test_a_copy_of_what_runs_is_restored_elsewhere(tmp_path: Path) -> None:
    first, copy, second = tmp_path / "first", tmp_path / "copy", tmp_path / "second"
    first.mkdir()
    secret = keep(first / "secret_key")
    valkey = EmbeddedValkey(first / "valkey")
    valkey.ensure()
    try:
        broker = Broker.connect(BrokerSettings(valkey.url, data_dir=first, secret_key=secret), TYPES)
        new = NewTask("Act", {"act": "answer", "args": {"value": 1}})
        due = [broker.tasks.submit(TENANT, new)[0].id for _ in range(20)]
        later = broker.tasks.submit(TENANT, NewTask("Act", new.payload, delay_seconds=3600))[0].id
        cancelled = broker.tasks.cancel(TENANT, broker.tasks.submit(TENANT, new)[0].id).id
        key = f"{TENANT}/{MEDIA}/original/a.bin"
        broker.storage.put(key, io.BytesIO(b"bytes of a film"))
        broker.tasks.submit(TENANT, new, media=MediaRecord(MEDIA, TENANT, "video", "a.bin", "video/mp4", 15, key, ""))
        broker.plugin_configs.write(TENANT, "checksum", {"token": "hush"})
        _, text = broker.api_keys.create(NewKey(TENANT, "k", frozenset(Scope)), Actor("k", TENANT))
        total = broker.tasks.page(TENANT).total
        made = backup("create", copy, first)
        assert made.returncode == 0, made.stderr
        assert valkey.alive(), "it goes on"
        broker.tasks.submit(TENANT, new)  # is in no copy
        broker.redis.close()
    finally:
        valkey.stop()

    assert backup("restore", copy, first).returncode == 1, "what is there is not overwritten"
    assert backup("create", copy, first).returncode == 1
    restored = backup("restore", copy, second)
    assert restored.returncode == 0, restored.stderr
    valkey = EmbeddedValkey(second / "valkey")
    valkey.ensure()
    try:
        secret = keep(second / "secret_key")
        environ = {"DATA_DIR": str(second), "SECRET_KEY": secret, "TASK_TYPES": "tests.broker.worker.task_types:ACT"}
        folder = tmp_path / "formation"
        folder.mkdir()
        with Formation(folder, valkey.url, **environ) as formation:
            broker = Broker(BrokerSettings(valkey.url, data_dir=second, secret_key=secret), TYPES)
            assert broker.tasks.page(TENANT).total == total
            assert broker.api_keys.identify(text)
            assert broker.plugin_configs.read(TENANT, "checksum") == {"token": "hush"}
            assert broker.media.get(TENANT, MEDIA).filename == "a.bin"
            with open_storage("", second).open(key) as file:
                assert file.read() == b"bytes of a film"
            formation.daemon()
            formation.worker()
            for each in due:
                formation.until_status(each, "completed", seconds=60)
            assert [formation.task(each).status for each in (later, cancelled)] == ["scheduled", "cancelled"]
            doctor = formation.program("doctor", "-m", "broker", "doctor")
            assert doctor.wait(60) == 0, doctor.text
            assert "healthy" in doctor.text
            broker.redis.close()
    finally:
        valkey.stop()
