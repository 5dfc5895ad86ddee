"""``mindia webhooks``"""

from typing import Any
from urllib.parse import quote
from uuid import UUID

import click

from scripts.cli.command import Call, command
from scripts.cli.table import Column
from scripts.cli.webhook import TYPES
from scripts.cli.words import ago, clean, clock, duration, seconds_in

_COLUMNS = [Column("ID"), Column("STATE"), Column("TYPES"), Column("URL")]
_ATTEMPTS = [
    Column("AT"),
    Column("EVENT"),
    Column("TRY", right=True),
    Column("ANSWER", right=True),
    Column("TOOK", right=True),
    Column("NEXT"),
    Column("ERROR"),
]
_ID = click.argument("webhook_id", metavar="ID", type=click.UUID)


@click.group("webhooks", short_help="List and change webhooks")
def webhooks_command() -> None:
    """List and change webhooks, and see what was sent to them."""


def _events(**options: Any) -> Any:
    return click.option("--event", "events", type=click.Choice(TYPES), multiple=True, **options)


@command("list", webhooks_command)
def list_webhooks(call: Call) -> None:
    """List webhooks."""
    answer = call.api.get("/api/webhooks")
    webhooks = answer["webhooks"]
    if call.out.data(answer, (each["id"] for each in webhooks)):
        return
    if not webhooks:
        call.out.note("No webhook yet: mindia webhooks create URL")
        return
    call.out.table(_COLUMNS, map(_row, webhooks))


def _row(webhook: dict[str, Any]) -> tuple[str, ...]:
    state = "on" if webhook["enabled"] else f"off {clean(webhook['disabled_reason'] or '')}".rstrip()
    if webhook["failing_since"]:
        state += f", fails for {ago(webhook['failing_since'])}"
    names = ",".join(each.removeprefix("task.") for each in webhook["events"])
    return webhook["id"], state, names, clean(webhook["url"])


@command("create", webhooks_command)
@click.argument("address", metavar="URL")
@_events(help="What to send; all if left out.")
@click.option("--description", default="", help="For your own memory.")
def create_webhook(call: Call, address: str, events: tuple[str, ...], description: str) -> None:
    """Send events of tasks to URL. The secret that is printed is shown this once."""
    body = {"url": address, "events": list(events or TYPES), "description": description}
    webhook = call.api.post("/api/webhooks", body)
    if call.out.data(webhook, [webhook["id"]]):
        return
    call.out.line(f"{webhook['id']}  {clean(webhook['url'])}")
    call.out.line(f"secret  {webhook['secret']}")
    call.out.note(f"Try it: mindia webhooks test {webhook['id']}")


@command("change", webhooks_command)
@_ID
@click.option("--to", "address", metavar="URL", help="Where events are sent.")
@_events(help="What is sent, instead of what was.")
@click.option("--description", help="For your own memory.")
@click.option("--enable/--disable", "enabled", default=None, help="Whether events are sent.")
def change_webhook(call: Call, webhook_id: UUID, address: str | None, events: tuple[str, ...], **given: Any) -> None:
    """Change a webhook."""
    change = {"url": address, "events": list(events) or None, **given}
    body = {name: value for name, value in change.items() if value is not None}
    webhook = call.api.call("PATCH", f"/api/webhooks/{webhook_id}", json=body)
    if not call.out.data(webhook, [webhook["id"]]):
        call.out.line("  ".join(_row(webhook)))


@command("delete", webhooks_command)
@_ID
def delete_webhook(call: Call, webhook_id: UUID) -> None:
    """Delete a webhook, and what is still owed to it."""
    call.api.call("DELETE", f"/api/webhooks/{webhook_id}")
    if not call.out.data(None, [str(webhook_id)]):
        call.out.line(f"{webhook_id}  deleted")


@command("rotate", webhooks_command)
@_ID
@click.option("--overlap", metavar="SPAN", default="1d", show_default=True, help="The former secret signs as well.")
def rotate_secret(call: Call, webhook_id: UUID, overlap: str) -> None:
    """Give a webhook a new secret, which is shown this once."""
    body = {"overlap_seconds": int(seconds_in(overlap))}
    answer = call.api.post(f"/api/webhooks/{webhook_id}/secret/rotate", body)
    if not call.out.data(answer, [str(webhook_id)]):
        call.out.line(f"secret  {answer['secret']}")
        call.out.note(f"The former one signs as well until {clock(answer['former_until'])}.")


@command("test", webhooks_command)
@_ID
def test_webhook(call: Call, webhook_id: UUID) -> None:
    """Send a test event."""
    answer = call.api.post(f"/api/webhooks/{webhook_id}/test")
    if not call.out.data(answer, [answer["event_id"]]):
        call.out.line(f"{answer['event_id']}  on its way")
        call.out.note(f"What became of it: mindia webhooks deliveries {webhook_id}")


@command("resend", webhooks_command)
@_ID
@click.argument("event_id", metavar="EVENT")
def resend(call: Call, webhook_id: UUID, event_id: str) -> None:
    """Send an EVENT again; the list of deliveries has its id."""
    answer = call.api.post(f"/api/webhooks/{webhook_id}/deliveries/{quote(event_id, safe='')}/resend")
    if not call.out.data(answer, [answer["event_id"]]):
        call.out.line(f"{answer['event_id']}  on its way again")


@command("deliveries", webhooks_command)
@_ID
@click.option("--limit", type=click.IntRange(1, 100), default=20, show_default=True, help="How many at most.")
def list_deliveries(call: Call, webhook_id: UUID, limit: int) -> None:
    """List what was sent to a webhook, newest first."""
    answer = call.api.get(f"/api/webhooks/{webhook_id}/deliveries", limit=limit)
    deliveries = answer["deliveries"]
    if call.out.data(answer, (each["event_id"] for each in deliveries)):
        return
    if not deliveries:
        call.out.note("Nothing was sent to it yet.")
        return
    call.out.table(_ATTEMPTS, map(_attempt, deliveries))


def _attempt(delivery: dict[str, Any]) -> tuple[str, ...]:
    took, code = delivery["duration_seconds"], delivery["status_code"]
    event = f"{clean(delivery['type'])} {clean(delivery['event_id'])}"
    counts = str(delivery["attempt"]), "-" if code is None else str(code), "-" if took is None else duration(took)
    return clock(delivery["at"]), event, *counts, clock(delivery["next_attempt_at"]), clean(delivery["error"] or "")
