"""Transcodes videos again, one or some: their present renditions play on until the new ones take their place."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Struct

from broker.errors import SourceRemoved, TaskBrokerError
from broker.media.records import MediaRecord, MediaStore
from broker.task import NewTask, Task
from broker.tasks.tasks import Tasks

#: Videos that one call looks at.
MOST = 500
_TYPE = "VideoTranscoding"


class NotTranscoded(TaskBrokerError):
    """This video was never transcoded; retry its task if it failed, else submit a VideoTranscoding task of it."""

    code, status = "not_transcoded", 409


class Reprocessed(Struct, frozen=True):
    """``reasons`` count the ``skipped``; ``next`` is the microsecond from which others are left."""

    matched: int
    queued: int
    skipped: int
    reasons: dict[str, int]
    task_ids: list[str]
    next: int | None


class Reprocessing:
    """Of any tenant's videos. All raise ``InvalidInput`` for wrong options, ``QueueFull`` and ``Unavailable``."""

    def __init__(self, tasks: Tasks, media: MediaStore) -> None:
        self._tasks = tasks
        self._media = media

    def one(
        self,
        tenant: str,
        record: MediaRecord,
        options: Mapping[str, Any],
        *,
        background: bool,
        task_id: str | None = None,
    ) -> tuple[Task, bool]:
        """The task, and whether it is new: one of a video at a time, and who asks again gets the one that is there.

        ``options`` are further members of the payload. Raises ``NotTranscoded``, ``SourceRemoved``.
        """
        obstacle = obstacle_of(record)
        if obstacle:
            raise obstacle()
        return self._tasks.submit(tenant, again(record.id, options, background, task_id))

    def many(
        self,
        tenant: str,
        *,
        ids: Sequence[str] = (),
        low: int = 0,
        high: int | None = None,
        options: Mapping[str, Any],
        background: bool,
        dry_run: bool,
    ) -> Reprocessed:
        """The videos of these ids, or those that were uploaded in these microseconds, oldest first, ``MOST`` at most.

        ``dry_run`` counts them.
        """
        last = None
        if not ids:
            found = self._media.uploaded(tenant, "video", (low, ""), high, MOST + 1)
            ids, last = [media_id for media_id, _ in found[:MOST]], found[MOST][1] if len(found) > MOST else None
        records = [each for each in self._media.get_many(tenant, ids).values() if each.kind == "video"]
        reasons = Counter(obstacle.code for each in records if (obstacle := obstacle_of(each)))
        wanted = [again(each.id, options, background) for each in records if obstacle_of(each) is None]
        for each in wanted[:1]:  # what is wrong with the options is told once
            self._tasks.check(each)
        made = [] if dry_run or not wanted else self._tasks.submit_many(tenant, wanted)
        there = sum(not is_new for _, is_new in made)
        if there:
            reasons["in_progress"] = there
        return Reprocessed(
            matched=len(records),
            queued=len(wanted) - there,
            skipped=sum(reasons.values()),
            reasons=dict(reasons),
            task_ids=[task.id for task, is_new in made if is_new],
            next=last,
        )


def obstacle_of(record: MediaRecord) -> type[TaskBrokerError] | None:
    """Why a video cannot be transcoded again; ``None`` where it can."""
    if record.source_removed_at:
        return SourceRemoved
    return None if record.made else NotTranscoded


def again(
    video_id: str,
    options: Mapping[str, Any],
    background: bool,
    task_id: str | None = None,
    tags: Sequence[str] = (),
) -> NewTask:
    """The task that transcodes a video again, of which there is one at a time."""
    payload, key = {**options, "video_id": video_id}, f"reprocess:{video_id}"
    return NewTask(_TYPE, payload, background=background, unique_key=key, id=task_id, tags=list(tags))
