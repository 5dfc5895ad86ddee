"""Operations that transcode videos again: each step makes the tasks of some videos, and notes how far it has come.

One script does both, and nothing when the operation stands elsewhere by now. So any number of processes may step one,
whoever dies between two steps leaves nothing half done, and no video gets two tasks.
"""

import json
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

from msgspec import Struct

from broker import task_log
from broker.engine.transitions import Transitions
from broker.errors import InvalidInput
from broker.media.records import MediaRecord, MediaStore
from broker.operations.reprocessing import again, obstacle_of
from broker.task import NewTask
from broker.tasks.submission import Submission, fields_of, new_ids

#: Videos that a step looks at; fewer when their tasks have no room.
_SIZES = (100, 10, 1)


class HowAgain(Struct, frozen=True):
    """How videos are transcoded again: further members of the payload, and what else their tasks are given."""

    options: dict[str, Any]
    background: bool = True
    tags: list[str] = []


class Videos(Struct, frozen=True):
    """Which: those of these ids, or those that were uploaded in these microseconds, inclusive."""

    ids: tuple[str, ...] = ()
    first: int | None = None
    last: int | None = None

    def script_argument(self) -> str:
        """As ``create_operation.lua`` takes it."""
        told = {"ids": self.ids or None, "first": self.first, "last": self.last}
        return json.dumps({name: value for name, value in told.items() if value is not None})


class _Part(Struct, frozen=True):
    """Some of the videos that are left, and the place behind them: a microsecond and an id, or a number in the list."""

    ids: list[str]
    moment: str
    beyond: str
    more: bool


class ReprocessingSteps:
    """``check`` finds a new task valid, ``bounds`` answers what scripts take of the limits (see submit.lua)."""

    def __init__(
        self,
        store: Transitions,
        media: MediaStore,
        check: Callable[[NewTask], Submission],
        bounds: Callable[[], str],
    ) -> None:
        self._store = store
        self._media = media
        self._check = check
        self._bounds = bounds

    def check(self, how: HowAgain) -> None:
        """Raises ``InvalidInput`` for what no task can be given."""
        self._check(again("00000000-0000-4000-8000-000000000000", how.options, how.background, tags=how.tags))

    def step(self, operation_id: str, fields: Mapping[str, str]) -> bool:
        """Goes on with the operation of this record, unless its tasks have no room; whether something is left to do.

        Raises ``Unavailable``, and Redis' own errors.
        """
        for most in _SIZES:
            state, outcome = self._try(operation_id, fields, most)
            if outcome != "refused":
                return state == "running"
        return False

    def _try(self, operation_id: str, fields: Mapping[str, str], most: int) -> tuple[str, str]:
        """(state, outcome) as of the script."""
        tenant, part, how = fields["tenant"], self._part(fields, most), json.loads(fields["how"])
        records = [each for each in self._media.get_many(tenant, part.ids).values() if each.kind == "video"]
        tasks, counts = self._tasks(records, how)
        ids = new_ids(len(tasks)) if tasks else []
        state, outcome, made = self._store.step_reprocessing(
            operation_id,
            before=f"{fields['moment']} {fields['beyond']}",
            moment=part.moment,
            beyond=part.beyond,
            more=part.more,
            counts=json.dumps({**counts, "examined": len(part.ids), "matched": len(records)}),
            bounds=self._bounds(),
            fields=fields_of(tasks, ids),
        )
        for number in made:
            told = {"task": ids[number], "type": tasks[number].type, "tenant": tenant}
            task_log.tell("accepted", **told, operation=operation_id)
        return state, outcome

    def _part(self, fields: Mapping[str, str], most: int) -> _Part:
        wanted, moment = json.loads(fields["filter"]), fields["moment"]
        if "ids" in wanted:
            begin = int(moment or 0)
            chosen = wanted["ids"][begin : begin + most]
            end = begin + len(chosen)
            return _Part(chosen, str(end), "", end < len(wanted["ids"]))
        until = int(float(fields["until"]))
        place = (int(moment), fields["beyond"]) if moment else (wanted.get("first", 0), "")
        found = self._media.uploaded(fields["tenant"], "video", place, min(wanted.get("last", until), until), most + 1)
        last, us = found[:most][-1] if found else (place[1], place[0])
        return _Part([media_id for media_id, _ in found[:most]], str(us), last, len(found) > most)

    def _tasks(self, records: list[MediaRecord], how: dict[str, Any]) -> tuple[list[Submission], dict[str, Any]]:
        """The tasks of those videos of which one can be made, and of the others how many, and why."""
        tasks, skipped, failed = [], Counter[str](), Counter[str]()
        for record in records:
            if obstacle := obstacle_of(record):
                skipped[obstacle.code] += 1
                continue
            try:
                tasks.append(self._check(again(record.id, how["options"], how["background"], tags=how["tags"])))
            except InvalidInput as error:  # by the settings of this process, such as its profiles
                failed[error.code] += 1
        return tasks, {"skipped": skipped.total(), "failed": failed.total(), "why": skipped + failed}
