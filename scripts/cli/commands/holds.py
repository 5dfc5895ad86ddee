"""``mindia holds``"""

from typing import Any
from uuid import UUID

import click

from scripts.cli.command import Call, command
from scripts.cli.completing import complete_type
from scripts.cli.table import Column
from scripts.cli.words import ago, clean

_FITS = ("type", "tenant", "group", "tag", "media_id")
_COLUMNS = [Column("ID"), Column("HELD", right=True), Column("AGE", right=True), Column("WHAT"), Column("REASON")]


@click.group("holds", short_help="Put work aside, and let it go on")
def holds_command() -> None:
    """Put work aside, and let it go on (scope admin). What runs goes on."""


@command("list", holds_command)
def list_holds(call: Call) -> None:
    """List what is put aside, the oldest first."""
    answer = call.api.get("/api/holds")
    holds = answer["holds"]
    if call.out.data(answer, (hold["id"] for hold in holds)):
        return
    if not holds:
        call.out.note("Nothing is put aside.")
        return
    call.out.table(_COLUMNS, map(_row, holds))


@command("create", holds_command)
@click.argument("reason", metavar="REASON")
@click.option("--type", "type", metavar="TYPE", shell_complete=complete_type, help="Tasks of this type.")
@click.option("--tenant", metavar="NAME", help="Tasks of this tenant.")
@click.option("--group", metavar="NAME", help="Tasks of this group.")
@click.option("--tag", metavar="WORD", help="Tasks with this tag.")
@click.option("--media", "media_id", metavar="ID", help="Tasks whose payload names this file.")
def create_hold(call: Call, reason: str, **fits: str | None) -> None:
    """Put aside what waits and what will come, if it fits all that is named; for a REASON, which `why` tells.

    mindia holds create "the vendor is down" --type PluginExecution --tenant acme
    """
    body = {"reason": reason} | {name: value for name, value in fits.items() if value is not None}
    hold = call.api.post("/api/holds", body)
    if call.out.data(hold, [hold["id"]]):
        return
    call.out.line(f"{hold['id']}  {_held(hold)} held")
    call.out.note(f"Let go with: mindia holds delete {hold['id']}")


@command("delete", holds_command)
@click.argument("hold_ids", metavar="ID...", nargs=-1, required=True, type=click.UUID)
def delete_holds(call: Call, hold_ids: tuple[UUID, ...]) -> None:
    """Let go what holds have put aside; each task goes on from where it stood in line."""

    def act(hold_id: str) -> None:
        call.api.call("DELETE", f"/api/holds/{hold_id}")
        if not call.out.data(None, [hold_id]):
            call.out.line(f"{hold_id}  let go")

    call.for_each(map(str, hold_ids), act)


def _row(hold: dict[str, Any]) -> tuple[str, ...]:
    what = ", ".join(f"{name} {clean(hold[name])}" for name in _FITS if hold[name])
    return hold["id"], _held(hold), ago(hold["created_at"]), what, clean(hold["reason"])


def _held(hold: dict[str, Any]) -> str:
    """Until all that waited was looked at, there may be more."""
    return str(hold["held"]) if hold["settled"] else f"{hold['held']} or more"
