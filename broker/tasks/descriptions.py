"""Tasks in words, for people who look at RQ's records: what each is about, and what it made.

Both are made when somebody looks. RQ's own places for them (a job's ``description``, the stream of its results) would
have to be written for each task, and hardly any is ever looked at.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from redis import Redis

from broker.engine.connection import redis_errors
from broker.engine.keys import Keys
from broker.media.mentions import Mention, mentions
from broker.status import RQ_STATUS, Status
from broker.tasks import stored_json

#: Characters of a description, and of what is told of one member of the payload.
MAX_LENGTH, _MAX_PART = 200, 80
#: Bytes of a result that is shown to people.
MAX_RESULT = 64 * 1024
#: Members that tell nothing.
_KNOWN = {"tenant_id"}


class Descriptions:
    """Of the tasks of all tenants, on one Redis client with ``decode_responses=True``. Raises ``Unavailable``."""

    def __init__(self, redis: "Redis", keys: Keys) -> None:
        self._redis = redis
        self._keys = keys

    def about(self, task_ids: Sequence[str]) -> dict[str, str]:
        """A line for each that is a task of ours, by its id: ``PluginExecution for acme: checksum, holiday.mp4``.

        Uploaded files are told by the names that they were sent with, other members of the payload by their values.
        """
        with redis_errors(), self._redis.pipeline(transaction=False) as reads:
            for task_id in task_ids:
                reads.hmget(self._keys.job(task_id), "origin", "tenant", "payload")
            rows = zip(task_ids, reads.execute(raise_on_error=False), strict=True)
            tasks = {task_id: row for task_id, row in rows if isinstance(row, list) and all(row)}
            payloads = [_decoded(payload) for _, _, payload in tasks.values()]
            files = mentions(
                self._redis, self._keys, [(row[1], each) for row, each in zip(tasks.values(), payloads, strict=True)]
            )
        told = zip(tasks.items(), payloads, files, strict=True)
        return {task_id: _line(row[0], row[1], payload, found) for (task_id, row), payload, found in told}

    def result(self, task_id: str) -> Any:
        """What a completed task made, or a word of where it is, if it is too long to be shown; else ``None``."""
        key = self._keys.job(task_id)
        with redis_errors():
            status, length = self._redis.hget(key, "status"), self._redis.hstrlen(key, "outcome")
            if status != RQ_STATUS[Status.COMPLETED] or not length:
                return None
            if length > MAX_RESULT:
                return f"{length} bytes, too many to be shown here; see GET /api/tasks/{task_id}"
            text = self._redis.hget(key, "outcome")
        return _decoded(text, None)


def _decoded(text: Any, default: Any = None) -> Any:
    try:
        return stored_json.decode(text)
    except (TypeError, ValueError):  # a foreign hand has written it; the doctor tells of it
        return default


def _line(origin: str, tenant: str, payload: Any, files: Sequence[Mention]) -> str:
    names = {each.id: each.filename for each in files}
    members = payload if isinstance(payload, Mapping) else {}
    values = [value for name, value in members.items() if name not in _KNOWN and isinstance(value, str | int | float)]
    parts = [_clean(names.get(str(value).lower(), str(value)), _MAX_PART) for value in values]
    told = f"{origin.partition(':')[0]} for {tenant}"
    return _clean(f"{told}: {', '.join(parts)}" if parts else told, MAX_LENGTH)


def _clean(text: str, length: int) -> str:
    """Without what moves a cursor or turns the direction of writing, and not too long."""
    printable = "".join(filter(str.isprintable, text[: 2 * length]))
    return printable if len(printable) <= length else f"{printable[: length - 1]}…"
