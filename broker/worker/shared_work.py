"""The worker's ``SharedWork``; see there for what handlers may expect."""

from collections.abc import Sequence
from typing import NamedTuple

from broker import task_log
from broker.broker import Broker
from broker.context import Taken
from broker.errors import TransientError
from broker.levels import BACKGROUND
from broker.task_type import TaskType
from broker.tasks import stored_json
from broker.tasks.submission import new_ids, options, tags_json
from broker.usage.quotas import bounds

OVER = "This run is over: another one may have begun, which must not do the same work twice."
#: What the hash of parts has beside them: what is made of what. And what it says of a part that is made.
_WORK, _MADE = "", "done"


class Run(NamedTuple):
    """Who asks."""

    task_id: str
    tenant: str
    execution: str


class RunSharedWork:
    """Of the task ``lead``, as one run sees it."""

    def __init__(self, broker: Broker, kind: TaskType, run: Run, lead: str) -> None:
        self._broker = broker
        self._store = broker.transitions
        self._kind = kind
        self._run = run
        self._lead = lead

    def offer(self, work: str, parts: Sequence[str], helpers: int) -> None:
        settings = self._broker.settings
        new = self._store.share_work(
            self._run.task_id,
            self._run.execution,
            work=work,
            helper=self._helper(),
            bounds=bounds(settings.max_pending, settings.quotas),
            ids=new_ids(helpers),
            parts=parts,
        )
        if new is None:
            raise TransientError(OVER)
        for task_id in new:
            task_log.tell("accepted", task=task_id, type=self._kind.name, tenant=self._run.tenant)

    def _helper(self) -> tuple[bytes, str]:
        """The payload and the options of a task that helps. One that fails is not tried again: its part is made."""
        task = self._broker.tasks.get(self._run.tenant, self._run.task_id)
        terms = self._kind.wanted, BACKGROUND, 0, task.timeout_seconds, 0, 0, ""
        return stored_json.encode(task.payload)[0], options(*terms, task.group or "", tags_json(task.tags))

    def take(self, work: str, most: int = 1) -> Taken:
        found = self._store.take_part(self._run.task_id, self._run.execution, lead=self._lead, work=work, most=most)
        if found is None:
            raise TransientError(OVER)
        return Taken(*found)

    def is_made(self, part: str) -> None:
        self._end(part, done=True)

    def give_back(self, part: str) -> None:
        self._end(part, done=False)

    def _end(self, part: str, *, done: bool) -> None:
        self._store.end_part(self._run.task_id, self._run.execution, lead=self._lead, part=part, done=done)

    def made(self) -> set[str]:
        return {part for part, state in self._parts().items() if state == _MADE}

    def any_left(self) -> bool:
        return any(part != _WORK and not state for part, state in self._parts().items())

    def _parts(self) -> dict[str, str]:
        found: dict[str, str] = self._broker.redis.hgetall(self._broker.keys.parts(self._lead))
        return found
