"""What endpoints are told: the types of events, and the body, which is made once and never again for an event."""

import json
from collections.abc import Callable, Mapping
from typing import Any
from uuid import NAMESPACE_DNS, uuid5

from msgspec.structs import asdict, replace

from broker.status import TERMINAL, Status
from broker.task import Task
from broker.tasks.flows import from_event
from broker.tasks.task_fields import from_snapshot

#: A video can be played, while its task goes on.
PLAYABLE = "video.playable"
#: What an endpoint may ask for: that a run begins, that what it makes plays, each end, and how a flow has ended.
TASK_TYPES = (
    *(f"task.{status}" for status in Status if status is Status.PROCESSING or status in TERMINAL),
    PLAYABLE,
)
FLOW_TYPES = ("flow.completed", "flow.failed")
TYPES = TASK_TYPES + FLOW_TYPES
#: Sent on its owner's word alone.
TEST = "webhook.test"


#: Begins the subject of a flow's event; that of a task's is its id.
_FLOW = "flow:"


def subject(entry: Mapping[str, str]) -> str:
    """What an entry of the outbox is about: events of one subject arrive in order."""
    return _FLOW + entry["flow"] if _is_flow(entry) else entry.get("task", "")


def flow_of_subject(text: str) -> str | None:
    """The id of the flow that is the subject, if it is one."""
    return text.removeprefix(_FLOW) if text.startswith(_FLOW) else None


def event_id(entry_id: str, entry: Mapping[str, str]) -> str:
    """The ``webhook-id`` of an entry of the outbox: unique wherever the task's UUID is, and without a dot.

    A flow has no UUID of its own and gets that of its name, made with its tenant's.
    """
    if _is_flow(entry):
        return f"evt_{uuid5(uuid5(NAMESPACE_DNS, entry['tenant']), entry['flow'])}_{entry_id}"
    return f"evt_{entry.get('task', '')}_{entry_id}"


def event_body(entry: Mapping[str, str], links: Callable[[Task], dict[str, Any] | None]) -> str | None:
    """The body of an entry of the outbox; ``None`` for one that tells of nothing, which a foreign hand has written.

    ``links`` tells what stands there beside the task.

    Raises whatever a task brings about that is there and cannot be told.
    """
    if _is_flow(entry):
        return body(entry["type"], entry["at"], asdict(from_event(dict(entry))))
    if not {"task", "type", "at"} <= entry.keys():
        return None
    task = from_snapshot(entry["task"], entry)
    return body(entry["type"], entry["at"], replace(task, links=links(task)).detail()) if task else None


def body(type_name: str, timestamp: str, data: Any) -> str:
    """Standard Webhooks 1.0, "Payload structure": JSON in ASCII, so that its text and its bytes are the same."""
    return json.dumps({"type": type_name, "timestamp": timestamp, "data": data}, separators=(",", ":"))


def _is_flow(entry: Mapping[str, str]) -> bool:
    return {"flow", "tenant", "type", "at"} <= entry.keys() and entry["type"] in FLOW_TYPES
