"""Leads every tenant to the wanted generation of vectors: has what it lacks embedded in the background, then switches.

Few of these tasks wait at a time, and they leave half of the starts that the type may make at once to uploads.
"""

import logging
import time
from collections.abc import Callable
from uuid import UUID, uuid5

from redis import Redis

from broker.engine.keys import Keys
from broker.errors import TaskBrokerError
from broker.levels import BACKGROUND, queue_name
from broker.media.generations import Generations, Step
from broker.queues.state import QueueStates
from broker.status import TERMINAL, Status
from broker.task import NewTask, Task
from broker.tasks.tasks import Tasks

log = logging.getLogger(__name__)

TYPE = "EmbeddingGeneration"
#: Seconds between two looks while there is work, and while there is none; and between two at who makes what.
_BUSY, _IDLE, _WORKERS = 0.25, 1.0, 5.0
#: Tenants of one look, and steps for one of them; files that a step looks at.
_TENANTS, _STEPS, _FILES = 20, 10, 200
#: Tasks that wait in the background at most, and files of one tenant that are handed out.
_WAITING, _HANDED = 64, 32
#: Seconds until a file is handed out again whose task is not there, or was run by a worker of another generation.
_AGAIN = 20.0
#: Seconds until anybody looks for the end of a task that brought no vectors.
_SETTLES = 1.0
_SPACE = UUID("6f6b1d0e-3a0c-4f0e-9d57-1f6f2c9f9b1a")
_MOST_TOLD = 500


class Regenerate:
    name = "regenerate"

    def __init__(
        self,
        redis: "Redis",
        keys: Keys,
        generations: Generations,
        tasks: Tasks,
        keep_days: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """``keep_days`` is for how long a former generation stays."""
        self._redis = redis
        self._waiting = keys.rq_queue(queue_name(TYPE, BACKGROUND))
        self._states = QueueStates(redis, keys)
        self._generations = generations
        self._tasks = tasks
        self._keep_seconds = keep_days * 86_400
        self._clock = clock
        self._asked = float("-inf")
        self._wanted = ""

    def tick(self) -> float:
        if self._clock() - self._asked >= _WORKERS:
            self._note(self._generations.want())
            self._asked = self._clock()
        due = self._generations.due(_TENANTS)
        room = self._room() if due else 0
        for tenant in due:
            room -= self._lead(tenant, room)
        return _BUSY if due else _IDLE

    def _note(self, wanted: str) -> None:
        if wanted != self._wanted:
            log.info("generation %s of embeddings is wanted", wanted)
            self._wanted = wanted

    def _room(self) -> int:
        """How many tasks may be queued now."""
        queue = self._states.read([TYPE])[0]
        room = _WAITING
        if queue.tokens is not None:
            room = min(room, int(queue.tokens) - queue.burst // 2)
        return max(0, room - int(self._redis.llen(self._waiting)))

    def _lead(self, tenant: str, room: int) -> int:
        """Some steps for one tenant; how many tasks they have queued."""
        self._settle(tenant)
        handed = len(self._generations.handed(tenant, _HANDED))
        queued = 0
        for _ in range(_STEPS):
            most = max(0, min(room, _HANDED - handed) - queued)
            step = self._generations.step(tenant, limit=_FILES, most=most, keep_seconds=self._keep_seconds)
            if step is None:
                break
            if step.switched:
                log.info("searches of %s are answered by generation %s now", tenant, step.wanted)
            if step.files:
                queued += len(step.files)
                self._queue(tenant, step)
            if not step.more:
                break
        return queued

    def _queue(self, tenant: str, step: Step) -> None:
        """One task for each file. Where they are refused, for a quota say, they are handed out again later."""
        batch = [
            NewTask(
                TYPE,
                {"entity_type": kind, "entity_id": media_id, "generation": step.wanted},
                background=True,
                id=_task_id(step.wanted, media_id, step.handed_us),
            )
            for media_id, kind in step.files
        ]
        try:
            self._tasks.submit_many(tenant, batch)
        except TaskBrokerError as error:
            log.warning("files of %s are not embedded anew now: %s", tenant, error.message)

    def _settle(self, tenant: str) -> None:
        """Looks what became of files that were handed out."""
        wanted = self._generations.wanted(tenant)
        now_us = self._generations.now_us()
        waiting = [each for each in self._generations.handed(tenant, _HANDED) if now_us - each[1] >= _SETTLES * 1e6]
        if not wanted or not waiting:
            return
        ids = {_task_id(wanted, *each): each for each in waiting}
        tasks = self._tasks.get_many(tenant, list(ids))
        for task_id, (media_id, handed_us) in ids.items():
            task, age = tasks.get(task_id), (now_us - handed_us) / 1e6
            if failed := _failure(task, wanted):
                self._generations.settle(tenant, wanted, media_id, handed_us, failed[:_MOST_TOLD])
            elif (task is None or task.status in TERMINAL) and age >= _AGAIN:
                self._generations.settle(tenant, wanted, media_id, handed_us)


def _failure(task: Task | None, wanted: str) -> str:
    """Why a file will not get any vectors by its task; empty when it may."""
    if task is None or task.status not in TERMINAL:
        return ""
    if task.status is Status.FAILED:
        return task.error or "Its task failed."
    if task.status is Status.CANCELLED:
        return "Its task was cancelled."
    made = task.result.get("model") if isinstance(task.result, dict) else None
    return "There is nothing in it that this generation embeds." if made == wanted else ""


def _task_id(wanted: str, media_id: str, handed_us: int) -> str:
    return str(uuid5(_SPACE, f"{wanted}\n{media_id}\n{handed_us}"))
