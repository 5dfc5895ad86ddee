"""The states of a task."""

#: Nothing follows them, unless somebody retries the task.
ENDED = frozenset({"completed", "failed", "cancelled"})
