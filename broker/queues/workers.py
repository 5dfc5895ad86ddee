"""Who works: the live workers, as they and RQ's tools see them. One round trip, which writes nothing."""

from dataclasses import dataclass
from typing import Any

from redis import Redis

from broker.actor import Actor, argument
from broker.engine.connection import redis_errors
from broker.engine.keys import Keys
from broker.engine.scripts import Script
from broker.errors import NotFound

#: Of a worker's record: names, with commas between them, of what it cannot do of its types, as some plugins.
LACKS = "lacks"
#: For how long it is known after a worker was last there that it is to take nothing more.
_DRAINED_SECONDS = 86_400
_FIELDS = (
    *("current_job", "queues", "hostname", "pid", "birth", "last_heartbeat", "successful_job_count"),
    "failed_job_count",
)


@dataclass(frozen=True, slots=True)
class Worker:
    """One worker process. Times are RFC 3339 UTC text."""

    name: str
    hostname: str
    pid: int
    #: ``idle`` or ``busy``.
    state: str
    #: It ends what it runs and takes nothing more.
    draining: bool
    #: Task types it listens to.
    types: list[str]
    #: The task that it runs, its type, and when this run began.
    task_id: str | None
    task_type: str | None
    running_since: str | None
    started_at: str
    last_heartbeat: str
    completed: int
    failed: int


class Workers:
    """Reads on one Redis client with ``decode_responses=True``."""

    def __init__(self, redis: "Redis", keys: Keys, *, clock: str = "clock") -> None:
        self._redis = redis
        self._keys = keys
        self._script = Script("workers", clock=clock)
        self._drain = Script("drain")

    def list(self) -> list[Worker]:
        """All live workers, by name: a killed one is left out long before its record ends. Raises ``Unavailable``."""
        with redis_errors():
            rows = self._script(self._redis, prefix=self._keys.prefix, names=_FIELDS)
        return sorted((self._worker(*row) for row in rows), key=lambda each: each.name)

    def lacking(self, task_type: str) -> frozenset[str]:
        """What no live worker that listens to this type can do of it; nothing while none listens.

        Raises ``Unavailable``.
        """
        with redis_errors():
            rows = self._script(self._redis, prefix=self._keys.prefix, names=("queues", LACKS))
        found = [
            frozenset((lacks or "").split(",")) for *_, types, lacks in rows if task_type in (types or "").split(",")
        ]
        return frozenset.intersection(*found) - {""} if found else frozenset()

    def drain(self, name: str, by: Actor | None = None) -> Worker:
        """Has a worker take nothing more from now on; it ends what it runs. Raises ``NotFound``, ``Unavailable``."""
        with redis_errors():
            self._drain(self._redis, prefix=self._keys.prefix, worker=name, ttl=_DRAINED_SECONDS, actor=argument(by))
        for each in self.list():
            if each.name == name:
                return each
        raise NotFound(f"There is no worker {name!r}.")

    def _worker(self, key: str, task_type: str, since: str, draining: int, *values: Any) -> Worker:
        f: dict[str, str] = {name: value or "" for name, value in zip(_FIELDS, values, strict=True)}
        return Worker(
            name=key.removeprefix(self._keys.worker("")),
            hostname=f["hostname"],
            pid=int(f["pid"] or 0),
            state="busy" if task_type else "idle",
            draining=bool(draining),
            types=[each for each in f["queues"].split(",") if each],
            task_id=f["current_job"] if task_type else None,
            task_type=task_type or None,
            running_since=since or None,
            started_at=f["birth"],
            last_heartbeat=f["last_heartbeat"],
            completed=int(f["successful_job_count"] or 0),
            failed=int(f["failed_job_count"] or 0),
        )
