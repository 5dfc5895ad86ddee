"""What endpoints are told: the types of events, and the body, which is made once and never again for an event."""

import json
from collections.abc import Callable, Mapping
from typing import Any

from msgspec.structs import replace

from broker.task import Task
from broker.tasks.queries import from_snapshot

#: What an endpoint may ask for.
TYPES = ("task.processing", "task.completed", "task.failed", "task.cancelled")
#: Sent on its owner's word alone.
TEST = "webhook.test"


def event_id(task_id: str, entry: str) -> str:
    """The ``webhook-id`` of an entry of the outbox: unique wherever the task's UUID is, and without a dot."""
    return f"evt_{task_id}_{entry}"


def task_body(entry: Mapping[str, str], links: Callable[[Task], dict[str, Any] | None]) -> str | None:
    """The body of an entry of the outbox; ``None`` for one without a task, which a foreign hand has written.

    ``links`` tells what stands there beside the task.

    Raises whatever a task brings about that is there and cannot be told.
    """
    if not {"task", "type", "at"} <= entry.keys():
        return None
    task = from_snapshot(entry["task"], entry)
    return body(entry["type"], entry["at"], replace(task, links=links(task)).detail()) if task else None


def body(type_name: str, timestamp: str, data: Any) -> str:
    """Standard Webhooks 1.0, "Payload structure": JSON in ASCII, so that its text and its bytes are the same."""
    return json.dumps({"type": type_name, "timestamp": timestamp, "data": data}, separators=(",", ":"))
