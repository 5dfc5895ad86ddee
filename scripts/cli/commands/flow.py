"""``mindia flow``"""

from typing import Any
from urllib.parse import quote

import click

from scripts.cli.command import Call, command
from scripts.cli.output import status_word
from scripts.cli.words import ago, clean, clock


@command("flow", short_help="Show how the tasks of a flow stand")
@click.argument("flow_id", metavar="NAME")
def flow_command(call: Call, flow_id: str) -> None:
    """Show how the tasks of a flow stand, and whether all have ended."""
    flow: dict[str, Any] = call.api.get(f"/api/flows/{quote(flow_id, safe='')}")
    if call.out.data(flow, [flow["id"]]):
        return
    counts = ", ".join(f"{count} {clean(status)}" for status, count in flow["by_status"].items() if count)
    call.out.line(f"{click.style(clean(flow['id']), bold=True)}  {status_word(flow['status'])}")
    call.out.fields(
        [
            ("tasks", f"{flow['total']}: {counts}"),
            ("created", f"{clock(flow['created_at'])} ({ago(flow['created_at'])} ago)"),
            ("ended", clock(flow["ended_at"])),
        ]
    )
    call.out.note(f"Its tasks: mindia list --flow {clean(flow['id'])}")
