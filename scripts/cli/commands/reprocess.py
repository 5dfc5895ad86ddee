"""``mindia reprocess``"""

import uuid
from functools import partial
from typing import Any

import click

from scripts.cli.chosen import confirm, named
from scripts.cli.command import Call, command
from scripts.cli.failure import Usage
from scripts.cli.operation import followed
from scripts.cli.pairs import members
from scripts.cli.result import OneEach, wait_for
from scripts.cli.task_filters import all_tasks
from scripts.cli.words import seconds_in, since


@command("reprocess", short_help="Transcode videos again")
@click.argument("words", metavar="[ID... | -]", nargs=-1)
@click.option("--from", "uploaded_from", metavar="WHEN", help="All that were uploaded since: 7d, or a date.")
@click.option("--to", "uploaded_to", metavar="WHEN", help="All that were uploaded until: 7d (ago), or a date.")
@click.option("--all", "everything", is_flag=True, help="All videos.")
@click.option("--set", "pairs", metavar="NAME=TEXT", multiple=True, help="How: a member of the payload, or NAME:=JSON.")
@click.option("--urgent", is_flag=True, help="Not in the background, but beside new uploads.")
@click.option("--wait", is_flag=True, help="Wait until they are transcoded.")
@click.option("--timeout", type=seconds_in, metavar="SPAN", help="Wait no longer than this: 90s, 5m.")
@click.option("-y", "--yes", is_flag=True, help="Do not ask before all that match are transcoded.")
def reprocess_command(
    call: Call, words: tuple[str, ...], everything: bool, yes: bool, wait: bool, timeout: float | None, **given: Any
) -> None:
    """Transcode videos again, while they go on to play as they are; in the background, each once at a time.

    \b
    mindia reprocess ID --wait
    mindia reprocess --to 2024-12-31

    All that match are an operation, which goes on when this program ends: mindia operations.
    """
    how = {"options": members(given["pairs"]), "background": not given["urgent"]}
    times = {name: since(given[name]) for name in ("uploaded_from", "uploaded_to") if given[name]}
    if bool(words) == bool(times or everything) or (times and everything):
        raise Usage("Name the videos to transcode again, or which: --from, --to, or --all. From stdin: -")
    wait = wait or timeout is not None
    tag = f"reprocess-{uuid.uuid4().hex[:12]}" if wait else ""
    tasks = _each(call, named(words), how, wait=wait) if words else []
    if not words and _all(call, {"filter": times, **how}, yes=yes, tag=tag) and tag:
        tasks = list(all_tasks(call.api, {"tag": tag}))
    if wait and tasks:
        known = tasks if call.out.as_json else ()  # the others were told already
        wait_for(call, [task["id"] for task in tasks], timeout, partial(OneEach, known=known))


def _each(call: Call, ids: list[str], how: dict[str, Any], *, wait: bool) -> list[dict[str, Any]]:
    """The tasks of those that are named."""
    tasks: list[dict[str, Any]] = []

    def act(video_id: str) -> None:
        task = call.api.post(f"/api/videos/{video_id}/reprocess", how)
        tasks.append(task)
        if wait and (call.out.as_json or call.out.quiet):  # it is told when it has ended
            return
        if not call.out.record(task, task["id"]):
            call.out.line(f"{task['id']}  {task['type']}  {task['status']}")

    call.for_each(ids, act)
    return tasks


def _all(call: Call, asked: dict[str, Any], *, yes: bool, tag: str = "") -> bool:
    """Has all that match transcoded again, after a question with their number; whether there are any."""
    asked = {"action": "reprocess", **asked}
    counted = followed(call, call.api.post("/api/operations", asked | {"dry_run": True}))
    if not counted["done"]:
        if not call.out.data(counted):
            call.out.note(f"Nothing to transcode again{_reasons(counted)}.")
        return False
    confirm(f"Transcode {_videos(counted['done'])} again{_reasons(counted)}?", yes)
    key = {"Idempotency-Key": str(uuid.uuid4())}
    made = followed(call, call.api.post("/api/operations", asked | {"tags": [tag] if tag else []}, headers=key))
    if not call.out.data(made, [made["id"]]):
        call.out.line(f"{_videos(made['done'])} to be transcoded again{_reasons(made)}")
    if made["failed"] or made["status"] != "completed":
        raise click.exceptions.Exit(1)
    return bool(made["done"])


def _videos(number: int) -> str:
    return f"{number} video" if number == 1 else f"{number} videos"


def _reasons(counted: dict[str, Any]) -> str:
    told = ", ".join(f"{count} {word.replace('_', ' ')}" for word, count in sorted(counted["reasons"].items()))
    return f" (not: {told})" if told else ""
