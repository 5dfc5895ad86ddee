"""``mindia operations``"""

from typing import Any

import click

from scripts.cli.chosen import named
from scripts.cli.command import Call, command
from scripts.cli.operation import how_far, reasons_of
from scripts.cli.table import Column
from scripts.cli.words import ago

_COLUMNS = [
    *(Column("ID"), Column("ACTION"), Column("STATUS"), Column("AGE", right=True), Column("DONE", right=True)),
    *(Column("SKIPPED", right=True), Column("FAILED", right=True)),
]


@command("operations", short_help="Show what was done to all tasks that matched")
@click.argument("words", metavar="[ID... | -]", nargs=-1)
@click.option("--cancel", is_flag=True, help="Stop those named; what they have done stays done.")
@click.option("--limit", type=click.IntRange(1, 100), default=20, show_default=True, help="How many at most.")
def operations_command(call: Call, words: tuple[str, ...], cancel: bool, limit: int) -> None:
    """Show what was done to all tasks that matched, newest first; or how those named stand."""
    if not words:
        page = call.api.get("/api/operations", limit=limit)
        found = page["operations"]
        if not call.out.data(page, (each["id"] for each in found)):
            call.out.table(_COLUMNS, map(_row, found)) if found else call.out.note("No operation yet.")
        return

    def act(operation_id: str) -> None:
        path = f"/api/operations/{operation_id}"
        shown = call.api.post(f"{path}/cancel") if cancel else call.api.get(path)
        if not call.out.record(shown, operation_id):
            far = how_far(shown) + reasons_of(shown)
            call.out.line(f"{operation_id}  {_action(shown)}  {shown['status']}: {far}")

    call.for_each(named(words), act)


def _row(each: dict[str, Any]) -> tuple[str, ...]:
    counts = (str(each[name]) for name in ("done", "skipped", "failed"))
    return each["id"], _action(each), each["status"], ago(each["created_at"]), *counts


def _action(each: dict[str, Any]) -> str:
    return f"{each['action']}, counted" if each["dry_run"] else str(each["action"])
