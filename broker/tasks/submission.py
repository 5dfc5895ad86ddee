"""A task on its way in: checked once, sent to the store, and shown from what was sent instead of being read again."""

import json
import os
import uuid
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

from msgspec import Struct

from broker.clock import from_rfc3339, to_rfc3339
from broker.defects import Defect
from broker.errors import InvalidInput, NotFound
from broker.levels import BACKGROUND, MAX_PRIORITY, queue_name
from broker.status import Status
from broker.task import NewTask, Task
from broker.task_type import MAX_RETRIES, MAX_TIMEOUT, TaskType, TaskTypes
from broker.tasks import stored_json
from broker.tasks.links import MAX_NAMED, MISSING, links_of, named_by
from broker.tasks.task_fields import shown

#: How many tasks one batch may have: all are accepted in one script, which nobody else's call interrupts.
MAX_BATCH = 1000
#: Characters of a group or a tag, and tags of a task.
MAX_NAME, MAX_TAGS = 64, 10


class Submission(Struct, frozen=True):
    """A valid new task. ``id`` None has one made; ``payload_json`` and ``options`` are what the scripts take of it."""

    id: str | None
    type: str
    #: Its priority, or `BACKGROUND`.
    level: int
    payload: dict[str, Any]
    payload_json: bytes
    options: str
    max_retries: int
    timeout: int
    due_us: int
    delay_us: int
    #: What submit_linked.lua takes of what it has to do with other tasks; '' for nothing.
    links: str = ""
    group: str | None = None
    tags: list[str] = []
    unique_key: str | None = None
    #: Microsecond before which a run of it has to begin, 0 for none.
    deadline_us: int = 0

    def task(self, task_id: str, tenant: str, created_us: int, trace: str = "") -> Task:
        """The task that a script has made of it at this microsecond."""
        due = created_us + self.delay_us if self.delay_us else self.due_us
        return Task(
            id=task_id,
            tenant=tenant,
            type=self.type,
            status=Status.SCHEDULED if due > created_us else Status.PENDING,
            priority=max(0, self.level),
            payload=self.payload,
            created_at=to_rfc3339(created_us),
            max_retries=self.max_retries,
            timeout_seconds=self.timeout,
            scheduled_at=to_rfc3339(due) if due > created_us else None,
            group=self.group,
            tags=self.tags,
            trace=shown(trace) if trace else None,
            background=self.level == BACKGROUND,
        )


@lru_cache(maxsize=256)
def options(  # noqa: PLR0913  (each is a part of them)
    type_name: str,
    level: int,
    max_retries: int,
    timeout: int,
    due_us: int = 0,
    delay_us: int = 0,
    unique: str = "",
    group: str = "",
    tags: str = "",
) -> str:
    """What submit.lua takes of a task beside id and payload; most tasks have the same as the one before.

    ``type_name`` as ``TaskType.wanted``, ``tags`` a JSON list or ''.
    """
    queue = queue_name(type_name.partition("@")[0], level)
    sizes = f"{len(group.encode())} {len(tags.encode())}"
    return f"{type_name} {queue} {max_retries} {timeout} {due_us} {delay_us} {sizes} {group}{tags}{unique}"


def prepare(types: TaskTypes, new: NewTask) -> Submission:
    """What a caller asks for, checked and completed with its type's defaults. Raises ``InvalidInput``."""
    task_type = types.get(new.type)
    if task_type is None:
        known = ", ".join(sorted(types))
        raise InvalidInput(
            f"There is no task type {new.type!r}; known are {known}.",
            errors=[{"pointer": "/type", "detail": f"must be one of {known}"}],
        )
    payload_json, payload = _encoded(task_type.check_payload(new.payload))
    retries, timeout, level = new.max_retries, new.timeout_seconds, _level(task_type, new.priority, new.background)
    retries = task_type.max_retries if retries is None else _within("max_retries", retries, 0, MAX_RETRIES)
    timeout = task_type.timeout if timeout is None else _within("timeout_seconds", timeout, 1, MAX_TIMEOUT)
    due_us = from_rfc3339(new.scheduled_at) if new.scheduled_at else 0
    delay_us = max(0, int(new.delay_seconds * 1_000_000)) if new.delay_seconds else 0
    return Submission(
        id=canonical_id(new.id) if new.id else None,
        type=new.type,
        level=level,
        payload=payload,
        payload_json=payload_json,
        options=options(
            *(task_type.wanted, level, retries, timeout, due_us, delay_us, new.unique_key or ""),
            *(_group(new.group), tags_json(new.tags)),
        ),
        max_retries=retries,
        timeout=timeout,
        due_us=due_us,
        delay_us=delay_us,
        links=links_of(new),
        group=new.group or None,
        tags=new.tags,
        unique_key=new.unique_key,
        deadline_us=max(1, from_rfc3339(new.deadline)) if new.deadline else 0,  # 0 is none, and no moment
    )


def prepare_all(check: Callable[[NewTask], Submission], batch: Sequence[NewTask]) -> list[Submission]:
    """A batch, each of it by ``check``. Raises ``InvalidInput`` for the defects of all tasks, as ``/tasks/3/...``."""
    if not 1 <= len(batch) <= MAX_BATCH:
        raise InvalidInput(errors=[{"pointer": "/tasks", "detail": f"must be 1 to {MAX_BATCH} tasks"}])
    prepared: list[Submission] = []
    errors: list[Defect] = []
    omitted = 0
    for number, new in enumerate(batch):
        try:
            prepared.append(check(new))
        except InvalidInput as error:
            found = error.extra["errors"]
            errors += [each | {"pointer": f"/tasks/{number}{each['pointer']}"} for each in found]
            omitted += error.extra.get("errors_omitted", 0)
    if errors:
        raise InvalidInput(errors=errors, errors_omitted=omitted)
    if sum(len(named_by(each.links)) for each in prepared if each.links) > MAX_NAMED:
        detail = f"Together, the tasks of a batch may depend on at most {MAX_NAMED} others."
        raise InvalidInput(errors=[{"pointer": "/tasks", "detail": detail}])
    return prepared


def fields_of(batch: Sequence[Submission], ids: Sequence[str]) -> list[str | bytes]:
    """All that submit_many.lua takes of a batch under these ids."""
    return [part for each, own in zip(batch, ids, strict=True) for part in (own, each.payload_json, each.options)]


def linked_fields_of(batch: Sequence[Submission], ids: Sequence[str]) -> list[str | bytes]:
    """The same of submit_linked.lua."""
    rows = (
        (own, each.payload_json, each.options, each.links or " cancel ") for each, own in zip(batch, ids, strict=True)
    )
    return [part for row in rows for part in row]


def new_id() -> str:
    """A random task id: a UUID of version 4 (RFC 9562)."""
    return _uuid4(_random(16).hex())


def new_ids(count: int) -> list[str]:
    """``new_id`` many times; asking the system for each would take longer than all the rest."""
    digits = os.urandom(16 * count).hex()
    return [_uuid4(digits[at : at + 32]) for at in range(0, len(digits), 32)]


#: A few of the system's random bytes. ``os.urandom`` lets go of the interpreter meanwhile, and waits to get it back
#: (measured beside two busy threads: 100 us instead of 3).
_random = getattr(os, "getrandom", os.urandom)
#: The digit that tells the variant, of a random one.
_VARIANT = {digit: "89ab"[int(digit, 16) & 3] for digit in "0123456789abcdef"}


def _uuid4(random: str) -> str:
    """32 random hexadecimal digits as a UUID. ``uuid.UUID`` takes 1.5 us more, which is 7 % of a task in a batch."""
    return f"{random[:8]}-{random[8:12]}-4{random[13:16]}-{_VARIANT[random[16]]}{random[17:20]}-{random[20:]}"


def canonical_id(text: str) -> str:
    """A task id as it is stored. Anything but the 36-character form of a UUID names no task: ``NotFound``."""
    try:
        canonical = str(uuid.UUID(text))
    except ValueError:
        raise NotFound(MISSING) from None
    if canonical != text.lower():
        raise NotFound(MISSING)
    return canonical


def _encoded(payload: dict[str, Any]) -> tuple[bytes, dict[str, Any]]:
    """A payload as it is stored and as it will be read. Raises ``InvalidInput`` for what JSON cannot say."""
    try:
        return stored_json.encode(payload)
    except (TypeError, ValueError) as error:
        raise InvalidInput(errors=[{"pointer": "/payload", "detail": f"must be JSON values: {error}"}]) from error


def _group(group: str | None) -> str:
    if group is not None and not (0 < len(group) <= MAX_NAME and group.isprintable()):
        raise InvalidInput(errors=[{"pointer": "/group", "detail": f"must be 1 to {MAX_NAME} printable characters"}])
    return group or ""


def tags_json(tags: list[str]) -> str:
    """As a JSON list, '' for none. Raises ``InvalidInput``."""
    if len(tags) > MAX_TAGS:
        raise InvalidInput(errors=[{"pointer": "/tags", "detail": f"must be at most {MAX_TAGS}"}])
    for number, tag in enumerate(tags):
        if not (0 < len(tag) <= MAX_NAME and tag.isprintable()):
            detail = f"must be 1 to {MAX_NAME} printable characters"
            raise InvalidInput(errors=[{"pointer": f"/tags/{number}", "detail": detail}])
    return json.dumps(tags) if tags else ""


def _level(task_type: TaskType, priority: int | None, background: bool) -> int:
    if not background:
        return task_type.priority if priority is None else _within("priority", priority, 0, MAX_PRIORITY)
    if priority is not None:
        detail = "must be left out of a task in the background, which comes after every priority"
        raise InvalidInput(errors=[{"pointer": "/priority", "detail": detail}])
    return BACKGROUND


def _within(name: str, value: int, low: int, high: int) -> int:
    if not (low <= value <= high and value == int(value)):
        detail = f"must be a whole number between {low} and {high}"
        raise InvalidInput(errors=[{"pointer": f"/{name}", "detail": detail}])
    return int(value)
