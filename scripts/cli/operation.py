"""Operations on many tasks, followed to their end."""

import time
from typing import Any

from scripts.cli.command import Call

#: Seconds between two looks.
_WAIT = 0.2


def followed(call: Call, operation: dict[str, Any]) -> dict[str, Any]:
    """The operation when it has ended; how far it is, is said meanwhile where somebody looks."""
    while operation["status"] == "running":
        if call.out.on_terminal:
            call.out.note(how_far(operation))
        time.sleep(_WAIT)
        operation = call.api.get(f"/api/operations/{operation['id']}")
    return operation


def how_far(operation: dict[str, Any]) -> str:
    """What was done of it, and what keeps it from going on, if anything does."""
    waits = {"queue_full": ", waits: the queue is full", "quota_exceeded": ", waits: your quota leaves no room"}
    done = f"{operation['examined']} of {operation['candidates']} looked at, {operation['done']} done"
    return done + waits.get(operation["waits_for"] or "", "")


def reasons_of(operation: dict[str, Any]) -> str:
    """Why some were not acted on, to go behind how many were."""
    told = ", ".join(f"{count} {word.replace('_', ' ')}" for word, count in sorted(operation["reasons"].items()))
    return f"; not: {told}" if told else ""
