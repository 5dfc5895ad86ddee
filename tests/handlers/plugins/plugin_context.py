"""A task context for plugins: real storage in a folder, everything else written down."""

import io
import logging
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from broker.errors import PermanentError
from broker.media.local import LocalStorage
from broker.media.records import MediaRecord
from broker.task import NewTask


class Run:
    """One run of a plugin task on one file; ``again()`` is the next run of the same task."""

    def __init__(self, root: Path, data: bytes, *, kind: str = "audio", payload: dict[str, Any] | None = None) -> None:
        self.task_id = "11111111-1111-4111-8111-111111111111"
        self.tenant = "acme"
        self.attempt = 1
        self.storage = LocalStorage(root / "media")
        self.scratch = root / "scratch"
        self.log = logging.getLogger("test.plugin")
        media_id = "550e8400-e29b-41d4-a716-446655440000"
        key = f"acme/{media_id}/source.bin"
        self.storage.put(key, io.BytesIO(data))
        self.record = MediaRecord(
            media_id, "acme", kind, "talk.bin", "audio/wav", len(data), key, "2024-01-01T00:00:00Z"
        )
        self.payload = {"plugin_name": "checksum", "media_id": media_id, **(payload or {})}
        self.attached: dict[str, Any] = {}
        self.followed: list[NewTask] = []
        self.progressed: list[tuple[float, str]] = []
        self.memory: dict[str, Any] = {}
        self.left = 1e9
        #: Seconds for which the task asked to wait, in order.
        self.waits: list[float] = []
        self.asked_to_stop = False
        #: Plugin -> what the tenant has set for it.
        self.configs: dict[str, dict[str, Any]] = {}
        #: Name -> seconds; a test ends a hold by removing it.
        self.holds: dict[str, float] = {}

    def again(self) -> "Run":
        self.attempt += 1
        self.progressed = []
        return self

    def media(self, media_id: str) -> MediaRecord:
        if media_id != self.record.id:
            raise PermanentError(f"There is no media file {media_id} (any more).")
        return self.record

    def source_url(self, media_id: str) -> str:
        return f"https://tasks.example.com/api/media/{media_id}/source/signature"

    def attach(self, media_id: str, **info: Any) -> None:
        assert media_id == self.record.id
        self.attached.update(info)

    def follow_with(self, new: NewTask) -> None:
        self.followed.append(new)

    def progress(self, percent: float, stage: str = "") -> None:
        self.progressed.append((percent, stage))

    def conceal(self, secrets: Iterable[str]) -> None:
        self.concealed = list(secrets)

    def seconds_left(self) -> float:
        return self.left

    def stopping(self) -> bool:
        return self.asked_to_stop

    def plugin_config(self, plugin: str) -> dict[str, Any] | None:
        return self.configs.get(plugin)

    def start_cooldown(self, name: str, seconds: float) -> None:
        self.holds[name] = seconds

    def cooldown(self, name: str) -> float:
        return self.holds.get(name, 0)

    def recall(self, key: str) -> Any:
        return self.memory.get(key)

    def remember(self, key: str, value: Any) -> None:
        self.memory[key] = value
