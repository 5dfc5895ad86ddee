"""``mindia drain``"""

from typing import Any
from urllib.parse import quote

import click

from scripts.cli.command import Call, command
from scripts.cli.completing import complete_worker
from scripts.cli.words import clean


@command("drain", short_help="Let workers take nothing more")
@click.argument("names", metavar="WORKER...", nargs=-1, required=True, shell_complete=complete_worker)
def drain_command(call: Call, names: tuple[str, ...]) -> None:
    """Let WORKERs end what they run and take nothing more; they stay until their process is stopped (scope admin)."""

    def act(name: str) -> None:
        worker: dict[str, Any] = call.api.post(f"/api/workers/{quote(name, safe='')}/drain")
        if not call.out.record(worker, worker["name"]):
            now = f"ends {worker['task_type']} {worker['task_id']}" if worker["task_id"] else "runs nothing"
            call.out.line(f"{clean(name)} takes nothing more: it {clean(now)}")

    call.for_each(names, act)
