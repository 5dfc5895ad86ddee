"""``mindia submit``"""

from functools import partial
from typing import Any

import click

from scripts.cli.api import under
from scripts.cli.command import Call, command
from scripts.cli.completing import complete_type
from scripts.cli.pairs import document, members
from scripts.cli.result import OneEach, wait_for
from scripts.cli.waits import quoted
from scripts.cli.words import by, seconds_in


@command("submit", short_help="Submit a task")
@click.argument("type_name", metavar="TYPE", shell_complete=complete_type)
@click.argument("pairs", metavar="[NAME=TEXT | NAME:=JSON]...", nargs=-1)
@click.option("--payload", metavar="JSON", help="The payload whole: JSON, @FILE, or - for stdin.")
@click.option("--priority", type=int, metavar="N", help="0 to 10, higher first.")
@click.option("--background", is_flag=True, default=None, help="Below every priority: when nothing else waits.")
@click.option("--delay", metavar="SPAN", help="Not before so long from now: 90s, 15m, 2h.")
@click.option("--at", "moment", metavar="TIME", help="Not before this time, such as 2026-01-31T18:00+01:00.")
@click.option("--deadline", metavar="WHEN", help="Of no use unless it starts within so long (15m), or by a time.")
@click.option(
    "--unique", metavar="KEY", help="While a task of this type and key is unfinished, that one is the answer."
)
@click.option("--group", metavar="NAME", help="Your end user, say: groups share alike what you get.")
@click.option("--tag", "tags", metavar="WORD", multiple=True, help="A word to know it by; may be repeated.")
@click.option("--depends-on", metavar="ID", multiple=True, help="Not before this task has ended; may be repeated.")
@click.option("--on-failure", type=click.Choice(["cancel", "run"]), help="What becomes of it when one of those fails.")
@click.option("--flow", metavar="NAME", help="A flow to belong to.")
@click.option("--set", "more", metavar="NAME=TEXT", multiple=True, help="Any other member that the API knows.")
@click.option("--idempotency-key", metavar="KEY", help="The command with the same key is answered with the same task.")
@click.option("--quote", is_flag=True, help="Tell when it would start and end, and what it takes, and submit nothing.")
@click.option("--wait", is_flag=True, help="Wait until it has ended.")
@click.option("--timeout", type=seconds_in, metavar="SPAN", help="Wait no longer than this.")
def submit_command(call: Call, type_name: str, quote: bool, wait: bool, timeout: float | None, **given: Any) -> None:
    """Submit a task of a TYPE, with a payload of the members that are named.

    \b
    mindia submit VideoTranscoding video_id=550e8400-e29b-41d4-a716-446655440000
    mindia submit PluginExecution plugin_name=thumbnail media_id=... --wait
    mindia submit VideoTranscoding video_id=... --deadline 15m
    mindia submit VideoTranscoding video_id=... --quote
    mindia submit PluginExecution plugin_name=checksum media_id=... --depends-on ID --flow order-7
    echo '{"n": 1}' | mindia submit Noop --payload - --set max_retries:=5
    """
    key = given.pop("idempotency_key")
    if quote:
        _quote(call, _body(type_name, **given))
        return
    task = call.api.post("/api/tasks", _body(type_name, **given), headers=under(key))
    if wait or timeout is not None:
        wait_for(call, [task["id"]], timeout, partial(OneEach, known=[task]))
    elif not call.out.data(task, [task["id"]]):
        call.out.line(f"{task['id']}  {task['type']}  {task['status']}")
        call.out.note(f"Watch it: mindia watch {task['id']}")


def _quote(call: Call, body: dict[str, Any]) -> None:
    quote = call.api.post("/api/quotes", body)
    if not call.out.data(quote, [quote["estimate"]["start"]["p50"]] if quote["estimate"] else []):
        call.out.fields(quoted(quote))


def _body(type_name: str, **given: Any) -> dict[str, Any]:
    payload = document(given["payload"]) if given["payload"] else {}
    delay = given["delay"] and seconds_in(given["delay"])
    named = {
        "priority": given["priority"],
        "background": given["background"],
        "delay_seconds": delay,
        "scheduled_at": given["moment"],
        "deadline": given["deadline"] and by(given["deadline"]),
        "unique_key": given["unique"],
        "tags": list(given["tags"]) or None,
        "depends_on": list(given["depends_on"]) or None,
        **{name: given[name] for name in ("group", "on_failure", "flow")},
    }
    wanted = {name: value for name, value in named.items() if value is not None}
    return {"type": type_name, "payload": payload | members(given["pairs"]), **wanted, **members(given["more"])}
