"""``mindia watch``"""

from uuid import UUID

import click

from scripts.cli.command import Call, command, task_ids
from scripts.cli.result import Lines, wait_for
from scripts.cli.words import seconds_in


@command("watch", short_help="Watch tasks until they end")
@task_ids()
@click.option("--timeout", type=seconds_in, metavar="SPAN", help="Stop after so long, with status 124: 90s, 5m.")
def watch_command(call: Call, task_ids: tuple[UUID, ...], timeout: float | None) -> None:
    """Watch tasks until they end; without ids, whatever happens from now on.

    On a terminal as bars, elsewhere a line for each change. The exit status is 0 when all of them were completed.
    Ctrl-C stops watching and nothing else.
    """
    if not task_ids:
        call.out.note("Watching all tasks; Ctrl-C stops.")
    wait_for(call, list(dict.fromkeys(map(str, task_ids))), timeout, Lines)
