"""``mindia why``"""

from typing import Any
from uuid import UUID

import click

from scripts.cli.command import Call, command, task_ids
from scripts.cli.output import status_word
from scripts.cli.waits import bill, explained
from scripts.cli.words import clean

_SAID = (
    *("id", "type", "status", "created_at", "scheduled_at", "started_at", "deadline", "error"),
    *("waiting_for", "waiting", "waited"),
)


@command("why", short_help="Say why a task waits, and what it waits for")
@task_ids(required=True)
def why_command(call: Call, task_ids: tuple[UUID, ...]) -> None:
    """Say why tasks wait, for what, when they start, and what would help."""
    call.for_each(map(str, task_ids), lambda each: _explain(call, each))


def _explain(call: Call, task_id: str) -> None:
    task: dict[str, Any] = call.api.get(f"/api/tasks/{task_id}")
    if call.out.record({name: task[name] for name in _SAID if name in task}, task_id):
        return
    call.out.line(f"{click.style(task_id, bold=True)}  {clean(task['type'])}  {status_word(task['status'])}")
    call.out.fields([*explained(task), *bill(task)])
