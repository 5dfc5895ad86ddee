"""A client that openapi-python-client makes of the document calls each operation of a served gateway."""

import importlib
import inspect
import io
import pkgutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import requests

from tests.gateway.conftest import NEW_TASK
from tests.gateway.media import MP3, MP4, PNG, VTT
from tests.gateway.served import KEY

NAME = "client_made_for_a_test"
Things = dict[str, Any]
#: What the operations that need something are called with: members of the generated models for bodies.
ARGUMENTS: dict[str, Callable[[Things], dict[str, Any]]] = {
    "list_tasks": lambda _: {"status": "scheduled", "type_": "VideoTranscoding", "limit": 5, "offset": 0},
    "create_task": lambda _: {"body": NEW_TASK | {"priority": 3}, "idempotency_key": "one"},
    "create_tasks": lambda _: {"body": {"tasks": [NEW_TASK, NEW_TASK | {"delay_seconds": 60.5}]}},
    "get_task": lambda it: {"task_id": it["completed_id"], "wait": 1},
    "cancel_task": lambda it: {"task_id": it["scheduled_id"], "force": True, "body": {}},
    "retry_task": lambda it: {"task_id": it["failed_id"]},
    "watch_task": lambda it: {"task_id": it["completed_id"]},
    "get_task_logs": lambda it: {"task_id": it["completed_id"], "attempt": 1, "limit": 5},
    "watch_task_logs": lambda it: {"task_id": it["completed_id"]},
    "quote_task": lambda _: {"body": NEW_TASK},
    "change_task": lambda it: {
        "task_id": it["waiting_id"], "body": {"priority": 9, "delay_seconds": 5.5, "tags": ["x"]},
    },
    "create_operation": lambda _: {"body": {"action": "retry", "filter": {"error": "none", "status": "failed"}}},
    "get_operation": lambda it: {"operation_id": it["operation_id"]},
    "cancel_operation": lambda it: {"operation_id": it["operation_id"]},
    "list_failures": lambda _: {"state": ["open", "ignored"], "type_": "VideoTranscoding"},
    "get_failure": lambda it: {"failure_id": it["failure_id"]},
    "resolve_failure": lambda it: {"failure_id": it["failure_id"]},
    "ignore_failure": lambda it: {"failure_id": it["failure_id"]},
    "reopen_failure": lambda it: {"failure_id": it["failure_id"]},
    "retry_failure": lambda it: {"failure_id": it["failure_id"], "force": True},
    "delete_task": lambda it: {"task_id": it["doomed_task_id"]},
    "delete_video": lambda it: {"video_id": it["doomed_video_id"]},
    "delete_image": lambda it: {"image_id": it["doomed_image_id"]},
    "delete_audio": lambda it: {"audio_id": it["doomed_audio_id"]},
    "delete_document": lambda it: {"document_id": it["doomed_document_id"]},
    "simulate_queues": lambda _: {"body": {"limits": {"VideoTranscoding": {"rate": 5.0}}}},
    "drain_worker": lambda it: {"name": it["worker"]},
    "get_tenant_settings": lambda _: {"name": "acme"},
    "replace_tenant_settings": lambda _: {
        "name": "acme", "body": {"weight": 2.0, "caps": {"VideoTranscoding": {"concurrency": 3, "rate": None}}},
    },
    "create_hold": lambda _: {"body": {"group": "odd", "reason": "tried"}},
    "delete_hold": lambda it: {"hold_id": it["hold_id"]},
    "change_queue": lambda _: {"type_": "VideoTranscoding", "body": {"rate": 2.5, "burst": 4, "concurrency": None}},
    "get_upload": lambda it: {"upload_id": it["upload_id"]},
    "delete_upload": lambda it: {"upload_id": it["doomed_upload_id"], "tus_resumable": "1.0.0"},
    "upload_video": lambda _: {"body": {"file": MP4, "then": '["checksum"]'}},
    "upload_image": lambda _: {"body": {"file": PNG}},
    "upload_audio": lambda _: {"body": {"file": MP3}},
    "upload_document": lambda _: {"body": {"file": b"Hello"}},
    "search_by_picture": lambda _: {"body": {"file": PNG}},
    "reprocess_video": lambda it: {"video_id": it["video_id"], "body": {"options": {}, "background": True}},
    "reprocess_videos": lambda _: {"body": {"filter": {"uploaded_to": "2001-01-01T00:00:00Z"}, "dry_run": True}},
    "get_thumbnail": lambda it: {"video_id": it["video_id"], "time": 0, "width": 640},
    "download_thumbnail": lambda it: {"video_id": it["video_id"], "signature": it["signature"]},
    "get_image_thumbnail": lambda it: {"image_id": it["image_id"], "width": 640},
    "download_image_thumbnail": lambda it: {"image_id": it["image_id"], "signature": it["image_signature"]},
    "download_video": lambda it: {"video_id": it["video_id"], "variant": "9p"},
    "download_linked_video": lambda it: {"video_id": it["video_id"], "signature": it["signature"]},
    "upload_captions": lambda it: {
        "video_id": it["video_id"], "body": {"file": VTT, "language": "en", "label": "English"},
    },
    "list_captions": lambda it: {"video_id": it["video_id"]},
    "delete_captions": lambda it: {"video_id": it["video_id"], "caption_id": it["caption_id"]},
    "get_video": lambda it: {"video_id": it["video_id"]},
    "get_image": lambda it: {"image_id": it["image_id"]},
    "get_audio": lambda it: {"audio_id": it["audio_id"]},
    "get_document": lambda it: {"document_id": it["document_id"]},
    "download_stream_file": lambda it: {
        "video_id": it["video_id"], "signature": it["signature"], "name": "master.m3u8",
    },
    "download_plugin_file": lambda it: {
        "media_id": it["video_id"], "signature": it["signature"], "plugin": "thumbnail",
        "task_id": it["plugin_task_id"], "name": "small.jpg",
    },
    "download_source_file": lambda it: {"media_id": it["video_id"], "signature": it["source_signature"]},
    "get_source_file": lambda it: {"media_id": it["pdf_id"], "signature": it["pdf_signature"], "name": "a.pdf"},
    "get_flow": lambda _: {"flow_id": "f"},
    "search_media": lambda _: {"q": "a dog", "type_": "video", "min_similarity": -0.5, "min_relevance": 0},
    "get_plugin_config": lambda _: {"name": "waveform"},
    "replace_plugin_config": lambda _: {"name": "waveform", "body": {"config": {"points": 500}}},
    "delete_plugin_config": lambda _: {"name": "waveform"},
    "execute_plugin": lambda it: {"name": "checksum", "body": {"media_id": it["video_id"]}},
    "create_webhook": lambda _: {
        "body": {"url": "https://example.org", "events": ["task.failed"], "description": "mine", "enabled": False}
    },
    "get_webhook": lambda it: {"webhook_id": it["webhook_id"]},
    "change_webhook": lambda it: {"webhook_id": it["webhook_id"], "body": {"events": ["task.completed"]}},
    "delete_webhook": lambda it: {"webhook_id": it["doomed_webhook_id"]},
    "rotate_webhook_secret": lambda it: {"webhook_id": it["webhook_id"], "body": {"overlap_seconds": 60}},
    "list_deliveries": lambda it: {"webhook_id": it["webhook_id"]},
    "test_webhook": lambda it: {"webhook_id": it["webhook_id"]},
    "list_keys": lambda _: {"tenant": "acme", "limit": 5},
    "create_key": lambda _: {
        "body": {"name": "ci", "scopes": ["read"], "tenant": "acme", "expires_at": "2100-01-01T00:00:00Z"}
    },
    "get_key": lambda it: {"key_id": it["key_id"]},
    "rotate_key": lambda it: {"key_id": it["key_id"], "body": {"overlap_seconds": 60}},
    "delete_key": lambda it: {"key_id": it["doomed_key_id"]},
    "list_changes": lambda _: {"action": "key.created", "limit": 5},
    "resend_delivery": lambda it: {"webhook_id": it["webhook_id"], "event_id": it["event_id"]},
}  # fmt: skip
#: Their bodies are of a type of the protocol's own, which the generator does not know; clients of the protocol do.
PIECES = {"create_upload", "continue_upload"}
#: It has no end.
STREAM = "watch_tasks"


@pytest.fixture
def made(things: Things, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The package that the generator makes."""
    document, config = tmp_path / "openapi.json", tmp_path / "config.yml"
    document.write_text(requests.get(f"{things['url']}/api/openapi.json", headers=KEY, timeout=30).text)
    config.write_text("literal_enums: true\npost_hooks: []\n")
    command = ["generate", "--path", document, "--config", config, "--output-path", tmp_path / NAME, "--meta", "none"]
    program = [sys.executable, "-m", "openapi_python_client", *map(str, command)]
    done = subprocess.run(program, capture_output=True, text=True, timeout=90, check=False)
    assert done.returncode == 0, done.stdout
    monkeypatch.syspath_prepend(tmp_path)
    return importlib.import_module(NAME)


def modules(made: ModuleType) -> dict[str, ModuleType]:
    """The generated function of each operation, by the operation's name."""
    below = pkgutil.walk_packages(made.__path__, f"{NAME}.")
    names = [each.name for each in below if each.name.startswith(f"{NAME}.api.") and not each.ispkg]
    return {name.rpartition(".")[2]: importlib.import_module(name) for name in names}


def arguments(operation: ModuleType, things: Things) -> dict[str, Any]:
    """What it is called with, the body as an object of the model that it declares."""
    given = ARGUMENTS.get(operation.__name__.rpartition(".")[2], lambda _: {})(things)
    if "body" in given:
        declared = inspect.signature(operation.sync_detailed).parameters["body"].annotation
        model = declared if isinstance(declared, type) else declared.__args__[0]
        given["body"] = model.from_dict(given["body"]) if "file" not in given["body"] else _form(model, **given["body"])
    return given


def _form(model: Any, file: bytes, **members: str) -> Any:
    payload = sys.modules[f"{NAME}.types"].File(payload=io.BytesIO(file), file_name="clip")
    return model(file=payload, **members)


def test_every_operation_can_be_called(made: ModuleType, things: Things) -> None:
    client = made.AuthenticatedClient(base_url=things["url"], token=things["key"])
    operations = modules(made)
    document = requests.get(f"{things['url']}/api/openapi.json", headers=KEY, timeout=30).json()
    items = [item for path in document["paths"].values() for name, item in path.items() if name != "parameters"]
    assert operations.keys() == {each["operationId"] for each in items} - PIECES
    with client as connected:
        for name, operation in operations.items():
            if name == STREAM:
                continue
            answer = operation.sync_detailed(client=connected, **arguments(operation, things))
            assert answer.status_code < 300, (name, answer.content)
            typed = answer.parsed is not None or not answer.headers.get("Content-Type", "").startswith(
                "application/json"
            )
            assert typed, (name, answer.content)
        with connected.get_httpx_client().stream(**operations[STREAM]._get_kwargs()) as stream:
            assert stream.status_code == 200
            assert next(stream.iter_lines())
