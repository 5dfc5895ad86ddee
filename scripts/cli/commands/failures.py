"""``mindia failures``"""

from typing import Any

import click

from scripts.cli.chosen import named
from scripts.cli.command import Call, command
from scripts.cli.completing import complete_type
from scripts.cli.failure import Usage
from scripts.cli.operation import followed, reasons_of
from scripts.cli.table import Column
from scripts.cli.words import ago, clean

_COLUMNS = [
    Column("COUNT", right=True),
    Column("LAST", right=True),
    Column("FIRST", right=True),
    Column("TYPE"),
    Column("ID"),
]
_STATES = ("open", "resolved", "ignored")
_VERBS = ("resolve", "ignore", "reopen", "retry")


@command("failures", short_help="Show what failed, grouped by cause")
@click.argument("words", metavar="[ID... | -]", nargs=-1)
@click.option("--type", "types", metavar="TYPE", multiple=True, shell_complete=complete_type, help="Only of this type.")
@click.option("--state", "states", type=click.Choice(_STATES), multiple=True, help="Only those; open if left out.")
@click.option("--limit", type=click.IntRange(1, 100), default=50, show_default=True, help="How many at most.")
@click.option("--resolve", "verb", flag_value="resolve", help="Say of the groups ID... that the cause is mended.")
@click.option("--ignore", "verb", flag_value="ignore", help="Say of them that they are nothing to look at.")
@click.option("--reopen", "verb", flag_value="reopen", help="Say of them that they are to be looked at after all.")
@click.option("--retry", "verb", flag_value="retry", help="Run their failed tasks again.")
@click.option("--force", is_flag=True, help="With --retry: grant one more where all retries are used.")
def failures_command(call: Call, words: tuple[str, ...], verb: str | None, force: bool, **options: Any) -> None:
    """Show groups of failures, those first that failed last; or act on those named.

    Errors of one type that differ in numbers, ids, paths and names alone are one group, counted as they happen. One
    that was resolved and fails again is open again.

    \b
    mindia failures
    mindia failures ID --retry
    mindia list --failure ID
    """
    if bool(words) != bool(verb):
        raise Usage(f"Name groups by their ids together with one of --{', --'.join(_VERBS)}.")
    if verb:
        _act(call, named(words), verb, force=force)
        return
    query = {name: ",".join(options[many]) for name, many in (("type", "types"), ("state", "states")) if options[many]}
    page = call.api.get("/api/failures", **query, limit=options["limit"])
    found = page["failures"]
    if call.out.data(page, (group["id"] for group in found)):
        return
    if not found:
        call.out.note("Nothing has failed." if not query else "Nothing matches.")
        return
    call.out.table([*_COLUMNS, Column("ERROR")], map(_row, found))
    call.out.note("Which tasks: mindia list --failure ID. Of which file: mindia show TASK")


def _act(call: Call, ids: list[str], verb: str, *, force: bool) -> None:
    def act(failure_id: str) -> None:
        if verb == "retry":
            query = {"force": "true"} if force else {}
            made = followed(call, call.api.post(f"/api/failures/{failure_id}/retry", params=query))
            if not call.out.record(made, made["id"]):
                call.out.line(f"{failure_id}  {made['done']} due again{reasons_of(made)}")
            return
        group = call.api.post(f"/api/failures/{failure_id}/{verb}")
        if not call.out.record(group, failure_id):
            call.out.line(f"{failure_id}  {group['state']}")

    call.for_each(ids, act)


def _row(group: dict[str, Any]) -> tuple[str, ...]:
    again = "again: " if group["regressed_at"] else ""
    return (
        str(group["count"]),
        ago(group["last_at"]),
        ago(group["first_at"]),
        clean(group["type"]),
        group["id"],
        again + clean(group["message"]),
    )
