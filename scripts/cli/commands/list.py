"""``mindia list``"""

from typing import Any

import click

from scripts.cli.command import Call, command
from scripts.cli.media import media_id_of, names_of
from scripts.cli.output import status_word
from scripts.cli.table import Column
from scripts.cli.task_filters import all_tasks, filtered, newest, taken
from scripts.cli.task_text import headline
from scripts.cli.words import ago, clean

_COLUMNS = [Column("ID"), Column("TYPE"), Column("STATUS"), Column("AGE", right=True), Column("DETAIL")]


@command("list", short_help="List tasks, newest first")
@filtered()
@click.option("--limit", type=click.IntRange(1), default=20, show_default=True, help="How many at most.")
@click.option("--all", "everything", is_flag=True, help="All of them; with --json, one a line.")
def list_command(call: Call, limit: int, everything: bool, **options: Any) -> None:
    """List tasks, newest first.

    \b
    mindia list --status failed --since 1h
    mindia list --tag holiday --error "no space"
    mindia list -q --status pending --type VideoTranscoding | mindia cancel -
    """
    given, out = taken(options), call.out
    if everything and (out.as_json or out.quiet):
        for task in all_tasks(call.api, given):
            out.record(task, task["id"])
        return
    page = newest(call.api, given, None if everything else limit)
    tasks = page["tasks"]
    if out.data(page, (task["id"] for task in tasks)):
        return
    if not tasks:
        out.note("No task matches." if given else "No task yet: mindia upload FILE, or mindia submit TYPE.")
        return
    names = names_of(call.api, (task["payload"] for task in tasks))
    out.table(_COLUMNS, [_row(task, names.get(media_id_of(task["payload"]), "")) for task in tasks])
    if (page.get("total") or 0) > len(tasks):
        out.note(f"{len(tasks)} of {page['total']}: --limit, --all")
    elif page.get("next_cursor"):
        out.note(f"The newest {len(tasks)}: --limit, --all")


def _row(task: dict[str, Any], file: str) -> tuple[str, ...]:
    detail = ": ".join(filter(None, (file, headline(task))))
    return task["id"], clean(task["type"]), status_word(task["status"]), ago(task["created_at"]), detail
