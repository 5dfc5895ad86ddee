"""``mindia logs``"""

from collections.abc import Iterator
from typing import Any
from uuid import UUID

import click

from scripts.cli.command import Call, command
from scripts.cli.events import Stream
from scripts.cli.failure import INTERRUPTED
from scripts.cli.output import status_word
from scripts.cli.words import clean, clock

#: Lines in one answer.
_MOST = 1000
_COLOURS = {"debug": "bright_black", "warning": "yellow", "error": "red", "critical": "red"}


@command("logs", short_help="Show what a task's handler says")
@click.argument("task_id", metavar="ID", type=click.UUID)
@click.option("-f", "--follow", is_flag=True, help="Go on until the task ends.")
@click.option("--attempt", metavar="N", type=click.IntRange(1), help="Only this run; 1 is the first.")
def logs_command(call: Call, task_id: UUID, follow: bool, attempt: int | None) -> None:
    """Show what a task's handler has logged and printed, in all of its runs.

    Each line begins with its time and, after the first run, with the number of the attempt. With --json each is an
    object.
    """
    lines = _followed(call, str(task_id)) if follow else _kept(call, str(task_id), attempt)
    try:
        for line in lines:
            if attempt in (None, line["attempt"]):
                _show(call, line)
    except KeyboardInterrupt:
        raise click.exceptions.Exit(INTERRUPTED) from None


def _kept(call: Call, task_id: str, attempt: int | None) -> Iterator[dict[str, Any]]:
    query: dict[str, Any] = {"limit": _MOST, **({"attempt": attempt} if attempt else {})}
    page = call.api.get(f"/api/tasks/{task_id}/logs", **query)
    if page["removed"]:
        call.out.note(f"{page['removed']} older lines are not kept any more.")
    if not page["lines"]:
        call.out.note("It has said nothing.")
    while True:
        yield from page["lines"]
        if not page["next"]:
            return
        page = call.api.get(f"/api/tasks/{task_id}/logs", **query, after=page["next"])


def _followed(call: Call, task_id: str) -> Iterator[dict[str, Any]]:
    for event in Stream(call.api, f"/api/tasks/{task_id}/logs/events", lambda text: click.echo(text, err=True)):
        if event.name == "line":
            yield event.data
        elif event.name == "reset":
            call.out.note("Lines are missing here, which are not kept any more.")
        elif event.name == "status":
            call.out.note(f"The task is {status_word(event.data['status'])}.")
            return
        elif event.name == "gone":
            call.out.note("The task was deleted.")
            return


def _show(call: Call, line: dict[str, Any]) -> None:
    if call.out.record(line, line["id"]):
        return
    run = f" #{line['attempt']}" if line["attempt"] > 1 else ""
    first, *more = line["message"].split("\n")
    head = click.style(f"{clock(line['at'])}{run}", dim=True)
    call.out.line(f"{head}  {click.style(clean(first), fg=_COLOURS.get(line['level']))}")
    for each in more:
        call.out.line(f"    {clean(each)}")
