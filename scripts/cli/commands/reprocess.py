"""``mindia reprocess``"""

from collections import Counter
from typing import Any

import click

from scripts.cli.chosen import confirm, named
from scripts.cli.command import Call, command
from scripts.cli.failure import Usage
from scripts.cli.pairs import members
from scripts.cli.result import wait_for
from scripts.cli.words import since

_PATH = "/api/videos/reprocess"


@command("reprocess", short_help="Transcode videos again")
@click.argument("words", metavar="[ID... | -]", nargs=-1)
@click.option("--from", "uploaded_from", metavar="WHEN", help="All that were uploaded since: 7d, or a date.")
@click.option("--to", "uploaded_to", metavar="WHEN", help="All that were uploaded until: 7d (ago), or a date.")
@click.option("--all", "everything", is_flag=True, help="All videos.")
@click.option("--set", "pairs", metavar="NAME=TEXT", multiple=True, help="How: a member of the payload, or NAME:=JSON.")
@click.option("--urgent", is_flag=True, help="Not in the background, but beside new uploads.")
@click.option("--wait", is_flag=True, help="Wait until they are transcoded.")
@click.option("--timeout", metavar="SPAN", help="Wait no longer than this: 90s, 5m.")
@click.option("-y", "--yes", is_flag=True, help="Do not ask before all that match are transcoded.")
def reprocess_command(
    call: Call, words: tuple[str, ...], everything: bool, yes: bool, wait: bool, timeout: str | None, **given: Any
) -> None:
    """Transcode videos again, while they go on to play as they are; in the background, each once at a time.

    \b
    mindia reprocess ID --wait
    mindia reprocess --to 2024-12-31
    """
    how = {"options": members(given["pairs"]), "background": not given["urgent"]}
    times = {name: since(given[name]) for name in ("uploaded_from", "uploaded_to") if given[name]}
    if bool(words) == bool(times or everything) or (times and everything):
        raise Usage("Name the videos to transcode again, or which: --from, --to, or --all. From stdin: -")
    tasks = _each(call, named(words), how) if words else _all(call, {"filter": times, **how}, yes=yes)
    if (wait or timeout) and tasks:
        wait_for(call, tasks, timeout)


def _each(call: Call, ids: list[str], how: dict[str, Any]) -> list[str]:
    """The tasks of those that are named."""
    tasks: list[str] = []

    def act(video_id: str) -> None:
        task = call.api.post(f"/api/videos/{video_id}/reprocess", how)
        tasks.append(task["id"])
        if not call.out.record(task, task["id"]):
            call.out.line(f"{task['id']}  {task['type']}  {task['status']}")

    call.for_each(ids, act)
    return tasks


def _all(call: Call, asked: dict[str, Any], *, yes: bool) -> list[str]:
    """The tasks of all that match, after a question with their number."""
    counted = _pages(call, asked | {"dry_run": True})
    if not counted["queued"]:
        if not call.out.data(counted):
            call.out.note(f"Nothing to transcode again{_reasons(counted)}.")
        return []
    confirm(f"Transcode {counted['queued']} {_videos(counted['queued'])} again{_reasons(counted)}?", yes)
    made = _pages(call, asked)
    if not call.out.data(made, made["task_ids"]):
        call.out.line(f"{made['queued']} {_videos(made['queued'])} to be transcoded again{_reasons(made)}")
    return list(made["task_ids"])


def _pages(call: Call, asked: dict[str, Any]) -> dict[str, Any]:
    """All that the calls for one filter answer, together."""
    sums, reasons, tasks, more = Counter[str](), Counter[str](), [], dict(asked["filter"])
    while True:
        page = call.api.post(_PATH, asked | {"filter": more})
        sums.update({name: page[name] for name in ("matched", "queued", "skipped")})
        reasons.update(page["reasons"])
        tasks += page["task_ids"]
        if not page["next"]:
            counts = {name: sums[name] for name in ("matched", "queued", "skipped")}
            return {"dry_run": page["dry_run"], **counts, "reasons": dict(reasons), "task_ids": tasks}
        more["uploaded_from"] = page["next"]


def _videos(number: int) -> str:
    return "video" if number == 1 else "videos"


def _reasons(counted: dict[str, Any]) -> str:
    told = ", ".join(f"{count} {word.replace('_', ' ')}" for word, count in sorted(counted["reasons"].items()))
    return f" (not: {told})" if told else ""
