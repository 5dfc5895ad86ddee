"""The words for a task's states, those that are its end, and how a terminal shows each.

All that the command line knows of them stands here.
"""

from typing import Any

STATUSES = ("pending", "scheduled", "processing", "completed", "failed", "cancelled")
ENDED = frozenset({"completed", "failed", "cancelled"})

#: As click styles text; queues are paused and workers busy.
STYLES: dict[str, dict[str, Any]] = {
    "pending": {"fg": "yellow"},
    "scheduled": {"fg": "yellow"},
    "processing": {"fg": "cyan"},
    "completed": {"fg": "green"},
    "failed": {"fg": "red"},
    "cancelled": {"dim": True},
    "busy": {"fg": "cyan"},
    "paused": {"fg": "magenta"},
}
