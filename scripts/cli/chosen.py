"""Which tasks a command changes: those named, those whose ids come in on stdin, or all that match, counted first."""

import sys
from collections.abc import Iterator, Sequence
from typing import Any
from uuid import UUID

import click

from scripts.cli.command import Call
from scripts.cli.failure import Usage
from scripts.cli.operation import followed, reasons_of
from scripts.cli.task_filters import Filters


def named(words: Sequence[str]) -> list[str]:
    """The ids that the words are, each once; ``-`` is all that come in on stdin. Raises ``Usage``."""
    return list(dict.fromkeys(_ids(words)))


def act_on_all(call: Call, verb: str, given: Filters, *, force: bool, yes: bool) -> None:
    """Cancels, retries or deletes all tasks that match, after a question with their number. Raises ``Usage``."""
    asked = {"action": verb, "filter": given, "force": force}
    counted = followed(call, call.api.post("/api/operations", asked | {"dry_run": True}))
    if not counted["done"]:
        call.out.note("No task matches." + _why(counted))
        call.out.data(counted)
        return
    number = counted["done"]
    confirm(f"{verb.capitalize()} {number} {'task' if number == 1 else 'tasks'}?{_why(counted)}", yes)
    made = followed(call, call.api.post("/api/operations", asked))
    if not call.out.data(made, [made["id"]]):
        done = {"cancel": "cancelled", "retry": "due again", "delete": "deleted"}[verb]
        call.out.line(f"{made['done']} {done}{reasons_of(made)}")
    if made["failed"] or made["status"] != "completed":
        raise click.exceptions.Exit(1)


def check_chosen(words: Sequence[str], given: Filters, verb: str) -> None:
    """Raises ``Usage`` unless tasks are either named or described."""
    if bool(words) == bool(given):
        raise Usage(f"Name the tasks to {verb}, or which: --type, --since, --error. From stdin: mindia {verb} -")


def _why(counted: dict[str, Any]) -> str:
    exhausted = counted["reasons"].get("retries_exhausted", 0)
    return f" {exhausted} more have used all retries: --force." if exhausted else ""


def _ids(words: Sequence[str]) -> Iterator[str]:
    for word in words:
        for text in sys.stdin.read().split() if word == "-" else [word]:
            try:
                yield str(UUID(text))
            except ValueError:
                raise Usage(f"{text[:60]!r} is no id.") from None


def confirm(question: str, yes: bool) -> None:
    """Asks, unless ``yes``. Raises ``Usage`` where nobody can answer, and ``click.Abort``."""
    if yes:
        return
    if not sys.stdin.isatty():
        raise Usage(f"{question} Nobody is here to be asked: add --yes.")
    click.confirm(question, abort=True, err=True)
