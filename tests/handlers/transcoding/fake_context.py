"""The worker's context without a worker: what a handler does through it is written down."""

import logging
from collections.abc import Iterable
from copy import copy
from pathlib import Path
from subprocess import Popen
from tempfile import mkdtemp
from typing import Any

from broker.errors import PermanentError
from broker.media.local import LocalStorage
from broker.media.records import MediaRecord
from broker.task import NewTask
from broker.worker import processes
from scripts.bench.video_run import Alone

TENANT, VIDEO_ID = "acme", "660e8400-e29b-41d4-a716-446655440001"
HLS = f"{TENANT}/{VIDEO_ID}/hls/"


class FakeContext:
    """A ``TaskContext`` for one uploaded file, on a real storage and with real processes."""

    task_id = "550e8400-e29b-41d4-a716-446655440000"
    tenant = TENANT
    payload: dict[str, Any] = {"video_id": VIDEO_ID}  # noqa: RUF012
    attempt = 1
    part_of = ""
    log = logging.getLogger("test")
    vectors = None

    def __init__(self, folder: Path, upload: Path) -> None:
        self._root = folder / "storage"
        self.storage = LocalStorage(self._root)
        self.answer: dict[str, Any] = {}
        self.scratch = folder / "scratch"
        self.scratch.mkdir()
        self.shared_work = Alone()
        self.record = MediaRecord(
            id=VIDEO_ID,
            tenant=TENANT,
            kind="video",
            filename=upload.name,
            content_type="video/mp4",
            size=upload.stat().st_size,
            source_key=f"{TENANT}/{VIDEO_ID}/source",
            created_at="2024-01-01T00:00:00.000000Z",
            task_id=self.task_id,
        )
        self.storage.put_file(self.record.source_key, upload)
        self.attached: dict[str, Any] = {}
        self.noted: list[dict[str, Any]] = []
        self.followed: list[NewTask] = []
        self.others = False
        self.memo: dict[str, Any] = {}
        self.stages: list[tuple[float, str]] = []
        self.running: list[Popen[bytes]] = []
        self.commands: list[list[str]] = []

    def again(self) -> "FakeContext":
        """The context of the task's next run, with nothing but what is stored and remembered."""
        later = copy(self)
        later.scratch = Path(mkdtemp(dir=self.scratch.parent))
        later.attempt, later.stages, later.running, later.commands = self.attempt + 1, [], [], []
        return later

    def media(self, media_id: str) -> MediaRecord:
        if media_id != VIDEO_ID:
            raise PermanentError(f"There is no media file {media_id} (any more).")
        return self.record

    def attach(self, media_id: str, **info: Any) -> None:
        assert media_id == VIDEO_ID
        self.attached |= info

    def note(self, media_id: str, playable: bool = False, **info: Any) -> None:
        assert media_id == VIDEO_ID
        self.noted.append({"playable": True, **info} if playable else info)

    def follow_with(self, new: NewTask) -> None:
        self.followed.append(new)

    def progress(self, percent: float, stage: str = "") -> None:
        self.stages.append((percent, stage))

    def conceal(self, secrets: Iterable[str]) -> None:
        self.concealed = list(secrets)

    def seconds_left(self) -> float:
        return 100.0

    def others_wait(self) -> bool:
        return self.others

    def recall(self, key: str) -> Any:
        return self.memo.get(key)

    def remember(self, key: str, value: Any) -> None:
        self.memo[key] = value

    def popen(self, argv: list[str], **options: Any) -> "Popen[bytes]":
        process = processes.start(argv, **options)
        self.commands.append(argv)
        self.running.append(process)
        return process

    def kill_group(self, process: "Popen[bytes]") -> None:
        processes.kill_group(process.pid)
        process.wait()
        self.running.remove(process)

    @property
    def hls(self) -> Path:
        """The folder that holds what was published."""
        return self._root / HLS

    def stored(self) -> list[str]:
        """Names below the video's HLS folder."""
        return [key.removeprefix(HLS) for key in self.storage.keys(HLS)]
