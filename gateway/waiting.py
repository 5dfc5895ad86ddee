"""Tasks as a reader is shown them, with why they wait or have waited; the answer to a submission does without that."""

from collections.abc import Sequence

from msgspec.structs import replace

from broker.task import Task
from gateway.current import broker, tenant
from gateway.task_links import all_with_links


def shown(task: Task) -> Task:
    """The caller's task with all that is told of it, what would help included."""
    return _with_waiting(all_with_links([task]), help_too=True)[0]


def all_shown(tasks: Sequence[Task]) -> list[Task]:
    """The same of several, without what would help."""
    return _with_waiting(all_with_links(tasks), help_too=False)


def _with_waiting(tasks: list[Task], *, help_too: bool) -> list[Task]:
    waiting = broker().waiting.of(tenant().name, tasks, help_too=help_too)
    waited = broker().bills.of(tasks)
    return [replace(task, waiting=waiting.get(task.id), waited=waited.get(task.id)) for task in tasks]
