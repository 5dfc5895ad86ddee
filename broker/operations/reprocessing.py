"""Transcodes videos again, one or many: their present renditions play on until the new ones take their place.

Many are an operation, whose steps any process may do. The tasks of a step have ids that follow from the operation's and
the videos', so one that is repeated finds those that it has made before.
"""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple
from uuid import UUID, uuid5

from msgspec import Struct

from broker.engine.transitions import Transitions
from broker.errors import InvalidInput, QueueFull, QuotaExceeded, SourceRemoved, TaskBrokerError
from broker.media.records import MediaRecord, MediaStore
from broker.task import NewTask, Task
from broker.tasks.tasks import Tasks

#: Videos that one step looks at.
_BATCH = 50
_TYPE = "VideoTranscoding"
_EXAMPLE = "00000000-0000-4000-8000-000000000000"


class NotTranscoded(TaskBrokerError):
    """This video was never transcoded; retry its task, or upload it again."""

    code, status = "not_transcoded", 409


class Videos(Struct, frozen=True, omit_defaults=True):
    """Which and how: those of these ids, or those that were uploaded in these microseconds; ``options`` are further
    members of the payload.
    """

    ids: list[str] | None = None
    low: str = "-inf"
    high: str = "+inf"
    options: dict[str, Any] = {}
    background: bool = True


class _Done(NamedTuple):
    """What came of a step."""

    examined: int
    matched: int
    done: int
    failed: int
    reasons: Mapping[str, int]


class Reprocessing:
    """Of any tenant's videos. All raise ``InvalidInput`` for wrong options, ``QueueFull`` and ``Unavailable``."""

    def __init__(self, tasks: Tasks, media: MediaStore, store: Transitions) -> None:
        self._tasks = tasks
        self._media = media
        self._store = store

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
        obstacle = _obstacle(record)
        if obstacle:
            raise obstacle()
        return self._tasks.submit(tenant, _new(record.id, options, background, task_id))

    def check(self, videos: Videos) -> None:
        """That tasks can be made so. Raises ``InvalidInput``."""
        self._tasks.check(_new(_EXAMPLE, videos.options, videos.background))

    def step(self, operation_id: str, record: Mapping[str, str]) -> bool:
        """Goes on with an operation, whose fields are ``record``; whether the next step can follow at once."""
        videos, place = _read(record["filter"]), record["moment"]
        records, count, after = self._next(record, videos, place)
        try:
            done = self._act(operation_id, record, videos, records, count)
        except (QueueFull, QuotaExceeded):  # it goes on when there is room again
            return False
        counts = {"examined": done.examined, "matched": done.matched, "done": done.done, "failed": done.failed}
        counts["skipped"] = done.matched - done.done - done.failed
        self._store.note_operation(operation_id, place, after, counts, done.reasons)
        return bool(after)

    def _next(self, record: Mapping[str, str], videos: Videos, place: str) -> tuple[Sequence[MediaRecord], int, str]:
        """Videos from a place on, how many were looked for, and the next place, if any."""
        tenant = record["tenant"]
        if videos.ids is not None:
            begin = int(place or 0)
            ids = videos.ids[begin : begin + _BATCH]
            after = str(begin + _BATCH) if begin + _BATCH < len(videos.ids) else ""
        else:
            low = place or videos.low
            until = int(record["until"])
            high = until if videos.high == "+inf" else min(until, int(videos.high))
            ids, following = self._media.uploaded(tenant, "video", 0 if low == "-inf" else int(low), high, _BATCH)
            after = "" if following is None else str(following)
        found = self._media.get_many(tenant, ids).values()
        return [each for each in found if each.kind == "video"], len(ids), after

    def _act(
        self,
        operation_id: str,
        record: Mapping[str, str],
        videos: Videos,
        records: Sequence[MediaRecord],
        examined: int,
    ) -> _Done:
        reasons = Counter(obstacle.code for each in records if (obstacle := _obstacle(each)))
        ids = {each.id: str(uuid5(UUID(operation_id), each.id)) for each in records if _obstacle(each) is None}
        if record["dry_run"] == "1" or not ids:
            return _Done(examined, len(records), len(ids), 0, reasons)
        wanted = [_new(each, videos.options, videos.background, task_id) for each, task_id in ids.items()]
        try:
            made = self._tasks.submit_many(record["tenant"], wanted)
        except InvalidInput as error:  # what it asks for is not to be had any more
            return _Done(examined, len(records), 0, len(ids), reasons + Counter({error.code: len(ids)}))
        ours = sum(task.id == task_id for (task, _), task_id in zip(made, ids.values(), strict=True))
        if len(made) > ours:
            reasons["in_progress"] = len(made) - ours
        return _Done(examined, len(records), ours, 0, reasons)


def _read(text: str) -> Videos:
    return Videos(**json.loads(text))


def _obstacle(record: MediaRecord) -> type[TaskBrokerError] | None:
    if record.source_removed_at:
        return SourceRemoved
    return None if record.made else NotTranscoded


def _new(video_id: str, options: Mapping[str, Any], background: bool, task_id: str | None = None) -> NewTask:
    payload = {**options, "video_id": video_id}
    return NewTask(_TYPE, payload, background=background, unique_key=f"reprocess:{video_id}", id=task_id)
