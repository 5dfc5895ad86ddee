"""The levels of a task type: its priorities, and below all of them the background. Each is a queue of RQ."""

MAX_PRIORITY = 10
#: The level of what waits until nothing else does, whatever its type.
BACKGROUND = -1
LEVELS = range(BACKGROUND, MAX_PRIORITY + 1)

#: What stands in the place of the level in the name of the background's queue; `include/base.lua` has it too.
_WORD = "background"


def queue_name(type_name: str, level: int) -> str:
    """The RQ queue of a level: ``Type`` for priority 0, ``Type:3``, ``Type:background``."""
    if level == BACKGROUND:
        return f"{type_name}:{_WORD}"
    return f"{type_name}:{level}" if level else type_name


def queue_names(type_name: str) -> list[str]:
    """The queues of all levels of a type, the lowest first."""
    return [queue_name(type_name, level) for level in LEVELS]


def split_queue(queue: str) -> tuple[str, int]:
    """The type and the level that a queue's name tells; 0 for a level that is none."""
    type_name, _, level = queue.partition(":")
    if level == _WORD:
        return type_name, BACKGROUND
    return type_name, int(level) if level.isdecimal() else 0
