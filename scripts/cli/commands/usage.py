"""``mindia usage``"""

from typing import Any

import click

from scripts.cli.command import Call, command
from scripts.cli.table import Column
from scripts.cli.words import clean, duration, size

_COLUMNS = [
    *(Column("TENANT"), Column("DAY"), Column("TYPE"), Column("RUNS", right=True), Column("CPU", right=True)),
    *(
        Column("RAN", right=True),
        Column("MEDIA", right=True),
        Column("READ", right=True),
        Column("WRITTEN", right=True),
    ),
    Column("PEAK", right=True),
]
_ALL = "all"


@command("usage", short_help="Show what runs have used, and how quotas stand")
@click.option("--from", "first", metavar="DAY", help="The first day (2024-01-31, UTC); 30 days if left out.")
@click.option("--to", "last", metavar="DAY", help="The last day; today if left out.")
@click.option("--by", metavar="WORDS", default="type", show_default=True, help="tenant, day, type, with commas.")
@click.option("--tenant", metavar="NAME", help="Whose (scope admin).")
def usage_command(call: Call, first: str | None, last: str | None, by: str, tenant: str | None) -> None:
    """Show what runs have used: processor time, memory, media, bytes; and how the tenant's quotas stand.

    \b
    mindia usage --by type,day --from 2024-01-01
    """
    query = {"from": first, "to": last, "by": by, "tenant": tenant}
    answer = call.api.get("/api/usage", **{name: value for name, value in query.items() if value})
    if call.out.data(answer):
        return
    wanted = [column for column in _COLUMNS if column.title not in _left_out(by)]
    sums = [*answer["rows"], {"tenant": _ALL, "day": _ALL, "type": _ALL, **answer["total"]}]
    call.out.table(wanted, (_row(each, by) for each in sums))
    if answer["stored_bytes"] is not None:
        call.out.note(f"{answer['uploads']} uploads, {size(answer['stored_bytes'])} stored")
    for quota in answer["quotas"]:
        call.out.note(f"{clean(quota['name'])}: {quota['used']} of {quota['limit']}")


def _left_out(by: str) -> set[str]:
    return {"TENANT", "DAY", "TYPE"} - set(by.upper().split(","))


def _row(used: dict[str, Any], by: str) -> list[str]:
    groups = [clean(used[name]) for name in ("tenant", "day", "type") if name in by.split(",")]
    seconds = [duration(used[name]) for name in ("cpu_seconds", "run_seconds", "media_seconds")]
    sizes = [size(used[name]) for name in ("bytes_read", "bytes_written", "peak_memory_bytes")]
    return [*groups, str(used["runs"]), *seconds, *sizes]
