"""``mindia queues``, ``pause`` and ``resume``"""

import click

from scripts.cli.command import Call, command
from scripts.cli.completing import complete_type
from scripts.cli.output import status_word
from scripts.cli.queue import Queue, change_queue
from scripts.cli.table import Column
from scripts.cli.words import clean, duration, number

_COLUMNS = [
    Column("QUEUE"),
    Column("WAITING", right=True),
    Column("OLDEST", right=True),
    Column("DUE LATER", right=True),
    Column("RUNNING", right=True),
    Column("TOKENS", right=True),
    Column("RATE", right=True),
    Column("WORKERS", right=True),
    Column("ENDED", right=True),
    Column("STATE"),
]
_TYPES = click.argument("type_names", metavar="TYPE...", nargs=-1, required=True, shell_complete=complete_type)


@command("queues", short_help="Show every queue")
def queues_command(call: Call) -> None:
    """Show every queue: what waits and runs, tokens, limits, workers (scope admin)."""
    answer = call.api.get("/api/queues")
    if call.out.data(answer, (queue["type"] for queue in answer["queues"])):
        return
    call.out.table(_COLUMNS, map(_row, answer["queues"]))
    for warning in answer["warnings"]:
        call.out.note(click.style("! ", fg="yellow") + clean(warning))


def _row(queue: Queue) -> tuple[str, ...]:
    running, cap = queue["processing"], queue["concurrency"]
    tokens = "-" if queue["tokens"] is None else f"{number(round(queue['tokens'], 1))} of {queue['burst']}"
    oldest = queue["oldest_age_seconds"]
    return (
        clean(queue["type"]),
        str(queue["depth"]),
        "-" if oldest is None else duration(oldest),
        str(queue["scheduled"]),
        f"{running} of {cap}" if cap is not None else str(running),
        tokens,
        "-" if queue["rate"] is None else f"{number(queue['rate'])}/s",
        str(queue["workers"]),
        f"{number(round(queue['throughput'], 2))}/s",
        status_word("paused") if queue["paused"] else "",
    )


@command("pause", short_help="Start nothing more of these types")
@_TYPES
def pause_command(call: Call, type_names: tuple[str, ...]) -> None:
    """Start no more tasks of these TYPES; what runs goes on (scope admin)."""
    call.for_each(type_names, lambda each: _set_paused(call, each, True))


@command("resume", short_help="Go on with paused types")
@_TYPES
def resume_command(call: Call, type_names: tuple[str, ...]) -> None:
    """Start tasks of these TYPES again (scope admin)."""
    call.for_each(type_names, lambda each: _set_paused(call, each, False))


def _set_paused(call: Call, type_name: str, paused: bool) -> None:
    queue = change_queue(call.api, type_name, {"paused": paused})
    if not call.out.record(queue, queue["type"]):
        waiting = f"{queue['depth']} waiting, {queue['processing']} running"
        call.out.line(f"{clean(queue['type'])} {'is paused' if paused else 'goes on'}: {waiting}")
