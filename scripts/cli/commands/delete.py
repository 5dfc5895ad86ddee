"""``mindia delete``"""

from typing import Any

import click

from scripts.cli.chosen import act_on_all, check_chosen, named
from scripts.cli.command import Call, command
from scripts.cli.failure import KEY_REFUSED, Failure, Usage
from scripts.cli.task_filters import filtered, taken

_PATHS = {"task": "tasks", "video": "videos", "image": "images", "audio": "audios", "document": "documents"}


@command("delete", short_help="Delete tasks that have ended, or media")
@click.argument("words", metavar="[ID... | -]", nargs=-1)
@filtered()
@click.option("--as", "kind", type=click.Choice(list(_PATHS)), default="task", show_default=True, help="What they are.")
@click.option("-y", "--yes", is_flag=True, help="Do not ask before deleting all tasks that match.")
def delete_command(call: Call, words: tuple[str, ...], kind: str, yes: bool, **options: Any) -> None:
    """Delete tasks that have ended; or media files, with all that was made of them, and cancel their tasks.

    \b
    mindia delete ID --as video
    mindia delete --status failed --tag nightly
    """
    given = taken(options)
    check_chosen(words, given, "delete")
    if given and kind != "task":
        raise Usage("Only tasks are deleted by what matches; name the files.")
    if given:
        act_on_all(call, "delete", given, force=False, yes=yes)
        return

    def act(each: str) -> None:
        path = f"/api/{_PATHS[kind]}/{each}"
        if kind != "task":
            _check_there(call, path)
        call.api.call("DELETE", path)
        if not call.out.data(None, [each]):
            call.out.line(f"{each}  deleted")

    call.for_each(named(words), act)


def _check_there(call: Call, path: str) -> None:
    """Raises ``Failure`` for a file that is not there; the API tells who deletes one again that it is deleted."""
    try:
        call.api.get(path)
    except Failure as failure:
        if failure.status != KEY_REFUSED:  # it may delete what it may not read
            raise
