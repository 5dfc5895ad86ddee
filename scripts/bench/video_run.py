"""A transcoding by itself: the handler with a storage of its own, and no worker, server or Redis."""

import logging
import shutil
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from subprocess import Popen
from typing import Any, cast

from broker.context import Taken, TaskContext
from broker.media import paths
from broker.media.local import LocalStorage
from broker.media.records import MediaRecord
from broker.worker import processes
from handlers.transcoding.run import transcode

_TENANT, _ID = "bench", "00000000-0000-4000-8000-000000000000"


class Interrupted(BaseException):
    """What a worker that is killed does not survive."""


class Alone:
    """The parts of a work that nobody else makes."""

    def __init__(self) -> None:
        self._left: list[str] = []

    def offer(self, work: str, parts: Sequence[str], helpers: int) -> None:
        self._left = list(parts)

    def take(self, work: str, most: int = 1) -> Taken:
        return Taken(self._left[:most], 0)

    def is_made(self, part: str) -> None:
        self._left.remove(part)

    def made(self) -> set[str]:
        return set()


class VideoRun:
    """One uploaded file and as many runs of its task as it takes: the part of ``TaskContext`` that they use."""

    task_id, tenant, attempt, part_of = _ID, _TENANT, 1, ""
    log = logging.getLogger("handler")

    def __init__(self, folder: Path, upload: Path) -> None:
        self.storage = LocalStorage(folder / "storage")
        self.payload = {"video_id": _ID}
        self.shared_work = Alone()
        self.scratch = folder / "scratch"
        #: Called with the percent that are done.
        self.on_progress: Callable[[float], None] = lambda percent: None
        #: Called when something can be played.
        self.on_playable: Callable[[], None] = lambda: None
        #: Seconds from the beginning of the first run until something could be played.
        self.playable: float | None = None
        self._record = MediaRecord(
            *(_ID, _TENANT, "video", upload.name, "video/mp4", upload.stat().st_size),
            *(paths.source(_TENANT, _ID), "2026-01-01T00:00:00.000000Z", _ID),
        )
        self.storage.put_file(self._record.source_key, upload)
        self._memo: dict[str, Any] = {}
        self._running: list[Popen[bytes]] = []
        self._began = time.monotonic()

    def run(self) -> None:
        """One run to its end, or to what ``on_progress`` raises."""
        shutil.rmtree(self.scratch, ignore_errors=True)
        self.scratch.mkdir()
        try:
            transcode(cast(TaskContext, self))
        finally:
            for process in list(self._running):
                self.kill_group(process)

    def media(self, media_id: str) -> MediaRecord:
        return self._record

    def attach(self, media_id: str, **info: Any) -> None:
        pass

    def note(self, media_id: str, playable: bool = False, **info: Any) -> None:
        if playable and self.playable is None:
            self.playable = time.monotonic() - self._began
            self.on_playable()

    def progress(self, percent: float, stage: str = "") -> None:
        self.on_progress(percent)

    def seconds_left(self) -> float:
        return 86_400.0

    def others_wait(self) -> bool:
        return False

    def recall(self, key: str) -> Any:
        return self._memo.get(key)

    def remember(self, key: str, value: Any) -> None:
        self._memo[key] = value

    def popen(self, argv: list[str], **options: Any) -> Popen[bytes]:
        process = processes.start(argv, **options)
        self._running.append(process)
        return process

    def kill_group(self, process: "Popen[bytes]") -> None:
        processes.kill_group(process.pid)
        process.wait()
        self._running = [each for each in self._running if each is not process]
