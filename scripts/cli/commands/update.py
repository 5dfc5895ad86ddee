"""``mindia update``"""

from typing import Any

import click

from scripts.cli.chosen import named
from scripts.cli.command import Call, command
from scripts.cli.failure import Usage
from scripts.cli.output import status_word
from scripts.cli.task_text import level
from scripts.cli.words import seconds_in


@command("update", short_help="Change tasks that wait")
@click.argument("words", metavar="[ID... | -]", nargs=-1, required=True)
@click.option("--priority", type=int, metavar="N", help="0 to 10, higher first.")
@click.option("--background/--no-background", default=None, help="Into the background, or out of it to priority 0.")
@click.option("--delay", metavar="SPAN", help="Not before so long from now: 90s, 15m, 2h; 0s for at once.")
@click.option("--at", "moment", metavar="TIME", help="Not before this moment, in ISO 8601.")
@click.option(
    "--tag", "tags", metavar="TAG", multiple=True, help="A tag in the place of those it has; may be repeated."
)
@click.option("--no-tags", is_flag=True, help="Take all tags away.")
def update_command(call: Call, words: tuple[str, ...], **options: Any) -> None:
    """Change the priority, the time or the tags of tasks that wait.

    \b
    mindia update ID --priority 9
    mindia update ID --delay 0s
    """
    tags = [] if options["no_tags"] else list(options["tags"]) or None
    delay = seconds_in(options["delay"]) if options["delay"] else None
    named_changes = {
        "priority": options["priority"],
        "background": options["background"],
        "delay_seconds": delay,
        "scheduled_at": options["moment"],
        "tags": tags,
    }
    body = {name: value for name, value in named_changes.items() if value is not None}
    if not body:
        raise Usage("Say what to change: --priority, --background, --delay, --at, --tag, --no-tags.")

    def act(task_id: str) -> None:
        task = call.api.call("PATCH", f"/api/tasks/{task_id}", json=body)
        if not call.out.record(task, task_id):
            call.out.line(f"{task_id}  {status_word(task['status'])}  {level(task)}")

    call.for_each(named(words), act)
