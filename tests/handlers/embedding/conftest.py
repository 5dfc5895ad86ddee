"""The real model, loaded once for all tests, photographs that other packages bring along, and runs of the handler.

Everything here skips where semantic search is not installed: the product works without it.
"""

import json
import socket
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from broker.broker import Broker
from broker.engine.transitions import Claimed
from broker.media.records import MediaRecord
from broker.task import NewTask
from broker.task_type import TaskType
from broker.worker.child_state import ChildState
from broker.worker.run import RunContext
from handlers.embedding.task import EMBEDDING_GENERATION
from tests.search_fixtures import new_media, vectors

__all__ = ["new_media", "vectors"]

NEEDS = "semantic search is not installed (extra light; with torch embed)"
PHOTOS = {
    "skimage": ("data", ["chelsea.png", "coffee.png", "rocket.jpg", "horse.png", "motorcycle_left.png", "page.png"]),
    "sklearn": ("datasets/images", ["china.jpg", "flower.jpg"]),
}
TYPES = {
    "png": "image/png",
    "jpg": "image/jpeg",
    "mp4": "video/mp4",
    "txt": "text/plain",
    "m4a": "audio/mp4",
    "webm": "audio/webm",
    "pdf": "application/pdf",
}

#: (path, kind, name to upload it under) -> its record.
Upload = Callable[..., MediaRecord]
#: (record, payload entries to override) -> the handler's answer.
Embed = Callable[..., dict[str, Any]]


@pytest.fixture(scope="session")
def photos() -> dict[str, Path]:
    """Photographs by file name."""
    found = {}
    for package, (folder, names) in PHOTOS.items():
        spec = find_spec(package)
        if spec is None or spec.origin is None:
            pytest.skip(f"photographs are missing: {package} is not installed (extra test)")
        found |= {name: Path(spec.origin).parent / folder / name for name in names}
    return found


def needs_torch() -> None:
    """Skips the file that calls it where there is no torch.

    It is not loaded yet: no process that runs other files is to spend seconds on it, and be larger for it.
    """
    if find_spec("sentence_transformers") is None:
        pytest.skip("torch is not installed (extra embed)", allow_module_level=True)


@pytest.fixture(scope="session")
def model() -> Any:
    """The module that needs torch."""
    return pytest.importorskip("handlers.embedding.models.sentence_transformer", reason=NEEDS, exc_type=ImportError)


@pytest.fixture(scope="session")
def embed_settings(tmp_path_factory: pytest.TempPathFactory) -> Any:
    settings = pytest.importorskip("handlers.embedding.models.settings", reason=NEEDS, exc_type=ImportError)
    return settings.EmbeddingSettings.from_env({"DATA_DIR": str(tmp_path_factory.mktemp("embedding"))})


@pytest.fixture(scope="session")
def encoder(embed_settings: Any, model: Any) -> Any:
    """The default encoder. Loading it must not ask anybody else's machine for anything."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket.socket, "connect", _no_network)
        patch.setattr(socket, "getaddrinfo", _no_network)
        return model.Encoder(embed_settings)


@pytest.fixture(scope="session")
def light_settings(tmp_path_factory: pytest.TempPathFactory) -> Any:
    settings = pytest.importorskip("handlers.embedding.models.settings", reason=NEEDS, exc_type=ImportError)
    folder = str(tmp_path_factory.mktemp("light"))
    return settings.EmbeddingSettings.from_env({"DATA_DIR": folder, "TORCH": "none"})


@pytest.fixture(scope="session")
def light(light_settings: Any) -> Any:
    """The default encoder where there is no torch."""
    embedder = pytest.importorskip("handlers.embedding.models.embedder", reason=NEEDS, exc_type=ImportError)
    return embedder.open_embedder(light_settings)


def _no_network(*arguments: Any, **_options: Any) -> None:
    raise AssertionError(f"the network was asked: {arguments}")


@pytest.fixture
def types() -> dict[str, TaskType]:
    return {EMBEDDING_GENERATION.name: EMBEDDING_GENERATION}


@pytest.fixture
def upload(broker: Broker) -> Upload:
    """Puts a file where the gateway would, with its record and its task."""

    def put(path: Path, kind: str, filename: str = "") -> MediaRecord:
        media_id = str(uuid4())
        key = f"acme/{media_id}/source{path.suffix}"
        size = broker.storage.put_file(key, path)
        record = MediaRecord(
            media_id, "acme", kind, filename or path.name, TYPES[path.suffix[1:]], size, key, "2024-01-01T00:00:00Z"
        )
        payload = {"entity_type": kind, "entity_id": media_id}
        broker.tasks.submit("acme", NewTask(EMBEDDING_GENERATION.name, payload), record)
        return record

    return put


@pytest.fixture
def embed(broker: Broker, encoder: Any, monkeypatch: pytest.MonkeyPatch) -> Embed:
    """Runs the handler on a record as a worker child would."""
    run = pytest.importorskip("handlers.embedding.run", reason=NEEDS, exc_type=ImportError)
    monkeypatch.setattr(run, "_encoder", lambda: encoder)

    def go(record: MediaRecord, **overrides: Any) -> dict[str, Any]:
        answer: dict[str, Any] = run.embed(context_of(broker, record, **overrides))
        return answer

    return go


def context_of(broker: Broker, record: MediaRecord, **overrides: Any) -> RunContext:
    """What a handler is given for a record, with payload entries to override."""
    payload = {"entity_type": record.kind, "entity_id": record.id, **overrides}
    claimed = Claimed(str(uuid4()), EMBEDDING_GENERATION.name, "acme", json.dumps(payload), 1, 60, 0, "")
    return RunContext(broker, ChildState(), claimed, "execution", time.monotonic() + 60)
