"""``mindia cancel`` and ``mindia retry``"""

from collections.abc import Callable
from typing import Any

import click

from scripts.cli.chosen import act_on_all, check_chosen, named
from scripts.cli.command import Call, Run, command
from scripts.cli.output import status_word
from scripts.cli.task_filters import filtered, taken


def _chosen_tasks(force: str, *, status: bool) -> Callable[[Run], Run]:
    """The arguments and options of both commands."""

    def decorate(function: Run) -> Run:
        function = click.option("-y", "--yes", is_flag=True, help="Do not ask before acting on all that match.")(
            function
        )
        function = click.option("--force", is_flag=True, help=force)(function)
        function = filtered(status=status)(function)
        return click.argument("words", metavar="[ID... | -]", nargs=-1)(function)

    return decorate


@command("cancel", short_help="Cancel tasks")
@_chosen_tasks("Stop running tasks, too.", status=True)
def cancel_command(call: Call, words: tuple[str, ...], **options: Any) -> None:
    """Cancel waiting tasks: those named, or all that match.

    \b
    mindia cancel ID
    mindia cancel --type VideoTranscoding --since 1h
    """
    _change(call, words, "cancel", **options)


@command("retry", short_help="Run failed tasks again")
@_chosen_tasks("Grant one more retry to those that have used all.", status=False)
def retry_command(call: Call, words: tuple[str, ...], **options: Any) -> None:
    """Run failed tasks again: those named, or all that match.

    \b
    mindia retry ID
    mindia retry --error "connection reset" --since 1d
    """
    _change(call, words, "retry", **options)


def _change(call: Call, words: tuple[str, ...], verb: str, *, force: bool, yes: bool, **options: Any) -> None:
    given = taken(options)
    check_chosen(words, given, verb)
    if given:
        act_on_all(call, verb, given, force=force, yes=yes)
        return
    ids, query = named(words), {"force": "true"} if force else {}

    def act(task_id: str) -> None:
        answer = call.api.post(f"/api/tasks/{task_id}/{verb}", params=query)
        if not call.out.record(answer, task_id):
            call.out.line(f"{task_id}  {status_word(answer['status'])}")

    call.for_each(ids, act)
