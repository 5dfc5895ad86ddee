"""``mindia workers``"""

from typing import Any

import click

from scripts.cli.command import Call, command
from scripts.cli.failure import Usage
from scripts.cli.output import status_word
from scripts.cli.table import Column
from scripts.cli.words import ago, clean, duration, seconds_in

_COLUMNS = [
    Column("WORKER"),
    Column("STATE"),
    Column("BEAT", right=True),
    Column("UP", right=True),
    Column("DONE", right=True),
    Column("FAILED", right=True),
    Column("AT"),
]
_WANTED = [Column("LISTEN TO"), Column("THERE", right=True), Column("WANTED", right=True), Column("REASON")]


@command("workers", short_help="Show who works, and at what")
@click.option("--wanted", is_flag=True, help="How many worker processes are wanted instead, and why.")
@click.option("--objective", "span", metavar="SPAN", help="With --wanted: tasks are to start within this; 60s.")
def workers_command(call: Call, wanted: bool, span: str | None) -> None:
    """Show live workers, and what each runs; or how many are wanted (scope admin)."""
    if span and not wanted:
        raise Usage("--objective goes with --wanted.")
    if wanted:
        _show_wanted(call, seconds_in(span) if span else None)
    else:
        _show_live(call)


def _show_live(call: Call) -> None:
    answer = call.api.get("/api/workers")
    workers = answer["workers"]
    if call.out.data(answer, (worker["name"] for worker in workers)):
        return
    if not workers:
        call.out.note("No worker is alive: nothing is started.")
        return
    call.out.table(_COLUMNS, map(_row, workers))


def _row(worker: dict[str, Any]) -> tuple[str, ...]:
    at = f"{worker['task_type']} {worker['task_id']} for {ago(worker['running_since'])}" if worker["task_id"] else ""
    counts = str(worker["completed"]), str(worker["failed"])
    listens = "" if at else f"listens to {', '.join(worker['types'])}"
    times = ago(worker["last_heartbeat"]), ago(worker["started_at"])
    state = status_word(worker["state"]) + (", draining" if worker["draining"] else "")
    return clean(worker["name"]), state, *times, *counts, clean(at or listens)


def _show_wanted(call: Call, objective: float | None) -> None:
    answer = call.api.get("/api/autoscale", objective=objective)
    groups = answer["workers"]
    if call.out.data(answer, (f"{','.join(group['types'])} {group['wanted']}" for group in groups)):
        return
    if groups:
        call.out.table(_WANTED, map(_wanted_row, groups))
    call.out.note(f"So that tasks start within {duration(answer['objective_seconds'])}.")


def _wanted_row(group: dict[str, Any]) -> tuple[str, ...]:
    return clean(", ".join(group["types"])), str(group["processes"]), str(group["wanted"]), group["reason"]
