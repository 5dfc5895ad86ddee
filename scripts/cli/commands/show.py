"""``mindia show``"""

from typing import Any
from uuid import UUID

import click

from scripts.cli.command import Call, command, task_ids
from scripts.cli.media import file_of
from scripts.cli.task_text import attempts, block, facts
from scripts.cli.words import clean


@command("show", short_help="Show tasks with all there is to know")
@task_ids(required=True)
def show_command(call: Call, task_ids: tuple[UUID, ...]) -> None:
    """Show tasks: times, payload, result, links, and the runs before."""
    call.for_each(map(str, task_ids), lambda each: _show(call, each, many=len(task_ids) > 1))


def _show(call: Call, task_id: str, *, many: bool) -> None:
    task: dict[str, Any] = call.api.get(f"/api/tasks/{task_id}")
    if call.out.record(task, task_id) if many else call.out.data(task, [task_id]):
        return
    call.out.line(f"{click.style(task['id'], bold=True)}  {clean(task['type'])}")
    call.out.fields([*facts(task), ("file", file_of(call.api, task["payload"]))])
    if task["error"]:
        call.out.line(click.style("error", dim=True))
        call.out.line("  " + click.style(clean(task["error"]), fg="red"))
    for title in ("payload", "result", "links"):
        for line in block(title, task[title]):
            call.out.line(line)
    for line in attempts(task):
        call.out.line(line)
    if many:
        call.out.line()
