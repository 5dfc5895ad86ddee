"""Workers that transcode one video together, on a real broker: each run does what a test has it do."""

import uuid
from collections.abc import Callable
from typing import Any

from broker.broker import Broker
from broker.engine.transitions import Claim, Claimed
from broker.media import paths
from broker.media.records import MediaRecord
from broker.task import NewTask, Task
from broker.worker.child_state import ChildState
from broker.worker.outcome import completed
from broker.worker.run import RunContext
from handlers.transcoding.run import transcode
from tests.handlers.transcoding.fake_context import TENANT
from tests.handlers.transcoding.killing import Killed

TYPE = "VideoTranscoding"
_LEASE_US = 600_000_000


class Run(RunContext):
    """One run, which tells when it stores something and waits when a test wants it to."""

    def __init__(self, broker: Broker, claimed: Claimed, claim: Claim) -> None:
        super().__init__(broker, ChildState(), claimed, claim.execution, 1e9)
        self.claim = claim
        self.commands: list[list[str]] = []
        #: Called with the key of what is to be stored.
        self.before_put: Callable[[str], object] = lambda key: None
        storage = broker.storage
        put = storage.put

        class Told(type(storage)):  # type: ignore[misc]
            def put(_, key: str, source: Any) -> int:
                self.before_put(key)
                return int(put(key, source))

        self._told = object.__new__(Told)
        self._told.__dict__ |= storage.__dict__

    @property
    def storage(self) -> Any:
        return self._told

    def popen(self, argv: list[str], **options: Any) -> Any:
        self.commands.append(argv)
        return super().popen(argv, **options)

    def begun(self) -> list[int]:
        """The segments with which its runs of the encoder have begun."""
        return [int(argv[argv.index("-start_number") + 1]) for argv in self.commands if "libx264" in argv]


class Studio:
    """Videos of one tenant."""

    def __init__(self, broker: Broker) -> None:
        self.broker = broker

    def upload(self, path: Any, group: str | None = None, **how: Any) -> tuple[str, str]:
        """(id of a new video, id of its task); ``how`` are more members of the task's payload."""
        video_id = str(uuid.uuid4())
        key = paths.source(TENANT, video_id)
        self.broker.storage.put_file(key, path)
        task_id = str(uuid.uuid4())
        record = MediaRecord(video_id, TENANT, "video", path.name, "video/mp4", path.stat().st_size, key, "", task_id)
        new = NewTask(TYPE, {"video_id": video_id, **how}, id=task_id, group=group)
        task, _ = self.broker.tasks.submit(TENANT, new, record)
        return video_id, task.id

    def reprocess(self, video_id: str, **how: Any) -> str:
        """The id of a new task that transcodes a video which another has made, or makes."""
        return self.broker.tasks.submit(TENANT, NewTask(TYPE, {"video_id": video_id, **how}))[0].id

    def begin(self) -> Run:
        """The next task's run; there must be one."""
        claim = Claim(f"w-{uuid.uuid4().hex[:8]}", uuid.uuid4().hex, TYPE, _LEASE_US)
        claimed = self.broker.transitions.claim(claim)
        assert isinstance(claimed, Claimed), claimed
        return Run(self.broker, claimed, claim)

    def work(self, run: Run) -> dict[str, Any] | None:
        """Do it, and end well."""
        try:
            answer = transcode(run)
        finally:
            run.close()
        run.check_stored()
        then = run.claim._replace(execution="")
        good = completed(answer, run.attached)
        outcome, _ = self.broker.transitions.finish(
            run.task_id, run.claim.execution, good.result, then, good.media_id, good.info
        )
        assert outcome == "completed"
        return answer

    def die(self, run: Run) -> None:
        """As the supervisor tells it of a process that has died."""
        name, execution = run.claim.worker, run.claim.execution
        self.broker.transitions.release(name, execution, crashed=True, max_crashes=3, message="It died")

    def give_way(self, run: Run) -> None:
        """As the worker does when a run is postponed into the background."""
        then = run.claim._replace(execution="")
        outcome, _ = self.broker.transitions.postpone(run.task_id, run.claim.execution, 0, then, background=True)
        assert outcome == "pending"

    def tasks(self, video_id: str) -> list[Task]:
        """Those that name the video, the oldest first."""
        return [each for each in reversed(self.broker.tasks.page(TENANT).tasks) if each.payload["video_id"] == video_id]

    def stored(self, video_id: str) -> dict[str, bytes]:
        """All that is stored of a video's stream, by name."""
        prefix, found = paths.hls(TENANT, video_id), {}
        for key in self.broker.storage.keys(prefix):
            with self.broker.storage.open(key) as file:
                found[key.removeprefix(prefix)] = file.read()
        return found


def dying(name: str) -> Callable[[str], None]:
    """What kills a run that is to store an object of such a name."""

    def before_put(key: str) -> None:
        if key.endswith(name):
            raise Killed()

    return before_put
