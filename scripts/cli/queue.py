"""The queue of one type: found and changed by its name."""

from typing import Any
from urllib.parse import quote

from scripts.cli.api import Api
from scripts.cli.failure import NOT_FOUND, Failure

Queue = dict[str, Any]


def find_queue(api: Api, type_name: str) -> Queue:
    """Raises ``Failure``, ``NOT_FOUND`` for a type that nobody has declared."""
    queues: list[Queue] = api.get("/api/queues")["queues"]
    for queue in queues:
        if queue["type"] == type_name:
            return queue
    known = ", ".join(queue["type"] for queue in queues)
    raise Failure(f"There is no type {type_name}; there are {known}.", NOT_FOUND, "not_found")


def change_queue(api: Api, type_name: str, change: dict[str, Any]) -> Queue:
    """The queue as it is then."""
    queue: Queue = api.call("PATCH", f"/api/queues/{quote(type_name, safe='')}", json=change)
    return queue
