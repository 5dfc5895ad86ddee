"""``mindia limits``"""

from typing import Any

import click

from scripts.cli.command import Call, command
from scripts.cli.completing import complete_type
from scripts.cli.failure import Usage
from scripts.cli.limits import Limits, given, limit_option, limit_words
from scripts.cli.outlook import COLUMNS, rows
from scripts.cli.pairs import members
from scripts.cli.queue import change_queue, find_queue
from scripts.cli.words import clean, since

#: Members of a queue that say how it stands; the others are its limits.
_STATE = {"type", "depth", "scheduled", "processing", "oldest_age_seconds", "tokens", "workers", "throughput"}


@command("limits", short_help="Show or change the limits of a queue")
@click.argument("type_name", metavar="TYPE", shell_complete=complete_type)
@limit_option("--rate", "Starts per second over all workers; none for no limit.")
@limit_option("--burst", "Starts at once after a quiet time.")
@limit_option("--concurrency", "Running at the same time; none for no limit.")
@limit_option("--tenant-rate", "Starts per second of each tenant; none for no cap.")
@limit_option("--tenant-burst", "Starts of a tenant at once after a quiet time.")
@limit_option("--tenant-concurrency", "Of each tenant, running at the same time; none for no cap.")
@limit_option("--group-concurrency", "Of each group, running at the same time; none for no cap.")
@limit_option("--aging-seconds", "A waiting task rises a level after each such time; none for never.", span=True)
@click.option("--set", "more", metavar="NAME:=JSON", multiple=True, help="Any other limit that the API knows.")
@click.option("--dry-run", is_flag=True, help="Tell what the change would do to what waits, and change nothing.")
@click.option("--since", "span", metavar="SPAN", help="With --dry-run: to what came since instead, such as 2h.")
def limits_command(
    call: Call, type_name: str, more: tuple[str, ...], dry_run: bool, span: str | None, **options: Any
) -> None:
    """Show the limits of a TYPE, or change them for every worker at once (scope admin).

    \b
    mindia limits VideoTranscoding
    mindia limits VideoTranscoding --rate 0.5 --concurrency 4 --dry-run
    """
    change = given(options) | members(more)
    if dry_run:
        _simulate(call, type_name, change, span)
    elif span:
        raise Usage("--since goes with --dry-run.")
    else:
        _show(call, type_name, change)


def _show(call: Call, type_name: str, change: Limits) -> None:
    queue = change_queue(call.api, type_name, change) if change else find_queue(call.api, type_name)
    if call.out.data(queue, [queue["type"]]):
        return
    call.out.line(click.style(clean(queue["type"]), bold=True) + ("  changed" if change else ""))
    call.out.fields((clean(name), limit_words(name, value)) for name, value in queue.items() if name not in _STATE)


def _simulate(call: Call, type_name: str, change: Limits, span: str | None) -> None:
    if not change:
        raise Usage("Name what to try: --rate, --concurrency, ...")
    find_queue(call.api, type_name)
    body = {"limits": {type_name: change}} | ({"since": since(span)} if span else {})
    answer = call.api.post("/api/queues/simulate", body)
    if call.out.data(answer, [type_name]):
        return
    found = rows(answer, type_name)
    if found:
        call.out.table(COLUMNS, found)
    call.out.note("Nothing was changed." if found else f"No task of {type_name} to try it on. Nothing was changed.")
