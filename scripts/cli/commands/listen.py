"""``mindia listen``"""

import os
import time
from collections.abc import Callable

import click

from scripts.cli.command import Call, command
from scripts.cli.events import Event, Stream
from scripts.cli.failure import INTERRUPTED
from scripts.cli.forwarding import Delivery, Forwarder
from scripts.cli.memory import Memory
from scripts.cli.output import Output
from scripts.cli.webhook import TYPES, Webhooks
from scripts.cli.words import clean, duration

#: Seconds between two notes of where to go on, while nothing is sent.
_NOTED_EVERY = 5.0
_MISSED = (
    "Some events are missing here, and are not sent: the gateway keeps them for five minutes after the last listener "
    "has gone, and not more than 2,000."
)


@command("listen", short_help="Send webhooks to a program on this machine")
@click.option("--forward-to", metavar="URL", required=True, help="Such as http://localhost:3000/hooks.")
@click.option("--event", "events", type=click.Choice(TYPES), multiple=True, help="Only these; all if left out.")
@click.option("--from-now", is_flag=True, help="Leave out what happened since the last time.")
def listen_command(call: Call, forward_to: str, events: tuple[str, ...], from_now: bool) -> None:
    """Send webhooks to a program on this machine, without a tunnel and without registering one.

    What happens to your tasks is read from the event stream and sent as the same webhooks (Standard Webhooks 1.0),
    signed with a secret of this machine's, which is printed and stays the same. A program that is not there yet, or
    starts anew, is waited for. Started again within five minutes, it goes on where it has stopped.
    """
    memory, out = Memory(os.environ), call.out
    tenant = call.api.get("/api/me")["tenant"]
    listener = (call.api.access.url, tenant, forward_to)
    secret, last_id = memory.secret(), "" if from_now else memory.place(*listener)
    forwarder = Forwarder(forward_to, secret, lambda text: click.echo(text, err=True))
    _introduce(call, forward_to, tenant, secret, last_id)
    loop = _Loop(out, Webhooks(call.api, frozenset(events or TYPES)), forwarder)
    stream = Stream(call.api, "/api/events", lambda text: click.echo(text, err=True), last_id=last_id)
    try:
        loop.run(stream, lambda place: memory.keep_place(place, *listener))
    except KeyboardInterrupt:
        out.note("\nStopped. Started again within five minutes, it goes on here.")
        raise click.exceptions.Exit(INTERRUPTED) from None


def _introduce(call: Call, forward_to: str, tenant: str, secret: str, last_id: str) -> None:
    about = {"url": call.api.access.url, "tenant": tenant, "forward_to": forward_to, "secret": secret}
    if call.out.record(about | {"last_event_id": last_id or None}):
        return
    call.out.fields(
        [
            ("from", f"{call.api.access.url} as {clean(tenant)}" + (f", after event {last_id}" if last_id else "")),
            ("to", forward_to),
            ("secret", secret),
        ]
    )


class _Loop:
    """Reads, sends, and notes where to go on."""

    def __init__(self, out: Output, webhooks: Webhooks, forwarder: Forwarder) -> None:
        self._out, self._webhooks, self._forwarder = out, webhooks, forwarder

    def run(self, stream: Stream, keep_place: Callable[[str], None]) -> None:
        noted = 0.0
        for event in stream:
            delivery = self._deliver(event)
            if event.id and (delivery or time.monotonic() >= noted + _NOTED_EVERY):
                keep_place(event.id)
                noted = time.monotonic()
            if delivery:
                self._show(delivery)  # last, so that what was shown is not sent again

    def _deliver(self, event: Event) -> Delivery | None:
        """``None`` for what no webhook is told."""
        if event.name == "reset":
            click.echo(_MISSED, err=True)
        webhook = self._webhooks.of(event)
        return self._forwarder.deliver(webhook) if webhook else None

    def _show(self, delivery: Delivery) -> None:
        webhook = delivery.webhook
        if self._out.record(delivery.document, webhook.id):
            return
        colour = "green" if delivery.error is None else "red"
        answer = click.style(str(delivery.status_code or "✗"), fg=colour)
        error = f"  {clean(delivery.error)}" if delivery.error else ""
        what = f"{webhook.type:<15}  {clean(webhook.about)}"
        self._out.line(f"{time.strftime('%H:%M:%S')}  {what}  → {answer}  {duration(delivery.seconds)}{error}")
