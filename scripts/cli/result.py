"""Watching tasks on a terminal, as bars, or as a line for each change; how they ended is how the program ends."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from typing import Any, Protocol

import click

from scripts.cli.command import Call
from scripts.cli.failure import FAILED, INTERRUPTED
from scripts.cli.limit import time_limit
from scripts.cli.output import Output, status_word
from scripts.cli.status import ENDED
from scripts.cli.task_text import ending, headline
from scripts.cli.watching import follow

Task = dict[str, Any]


class Display(Protocol):
    """Where changes are shown."""

    def show(self, task: Task) -> None:
        """A task that is new, or has changed."""

    def say(self, text: str) -> None:
        """A word about the connection."""


def wait_for(
    call: Call,
    ids: list[str],
    timeout: float | None = None,
    lines: "Callable[[Output], Lines] | None" = None,
    files: Mapping[str, str] = {},
) -> None:
    """Shows the tasks until all have ended; ends the program with 1 unless all of them are completed.

    ``lines`` is how they are shown to programs, by default as ``OneEach``; ``files`` are the names of their files, by
    task. Raises ``Failure`` when that takes more than ``timeout`` seconds.
    """
    statuses: dict[str, str] = {}
    try:
        with time_limit(timeout), display(call.out, lines or OneEach) as shown:
            for task in follow(call.api, ids, shown.say):
                statuses[task["id"]] = task["status"]
                shown.show(task | {"file": files[task["id"]]} if files else task)
    except KeyboardInterrupt:
        call.out.note(
            "\nStopped watching; the tasks go on." if len(ids) != 1 else "\nStopped watching; the task goes on."
        )
        raise click.exceptions.Exit(INTERRUPTED) from None
    if any(status != "completed" for status in statuses.values()):
        raise click.exceptions.Exit(FAILED)


@contextmanager
def display(out: Output, lines: "Callable[[Output], Lines]") -> Iterator[Display]:
    """Bars where somebody sees them."""
    if out.on_terminal and not (out.as_json or out.quiet):
        with import_module("scripts.cli.bars").Bars() as bars:  # rich, which takes its time to load
            yield bars
    else:
        shown = lines(out)
        try:
            yield shown
        finally:
            shown.close()


class Lines:
    """A line for each change of status, or stage of work; JSON with each change whole."""

    def __init__(self, out: Output) -> None:
        self._out = out
        self._told: dict[str, tuple[str, str]] = {}

    def show(self, task: Task) -> None:
        news = (task["status"], (task["progress"] or {}).get("stage", "") if task["status"] == "processing" else "")
        if self._out.as_json:
            self._show_json(task)
        elif self._told.get(task["id"]) != news:
            self._tell(task)
        self._told[task["id"]] = news

    def say(self, text: str) -> None:
        click.echo(text, err=True)

    def close(self) -> None:
        """Nothing more comes; also when the waiting was broken off."""

    def _show_json(self, task: Task) -> None:
        self._out.record(task)

    def _tell(self, task: Task) -> None:
        if task["status"] in ENDED:
            self._out.line(task["id"] if self._out.quiet else ending(task))
        elif not self._out.quiet:
            self._out.line(f"{task['id']}  {task['type']}  {status_word(task['status'])}  {headline(task)}".rstrip())


class OneEach(Lines):
    """The same, but JSON of each task once: as it has ended, or as last known when the waiting was broken off."""

    def __init__(self, out: Output, known: Iterable[Task] = ()) -> None:
        """``known`` are the tasks as their submission was answered: all that is known until they were looked at."""
        super().__init__(out)
        self._waited: dict[str, Task] = {task["id"]: task for task in known}

    def close(self) -> None:
        for task in self._waited.values():
            if not self._out.record(task) and task["id"] not in self._told:
                self._tell(task)

    def _show_json(self, task: Task) -> None:
        self._waited[task["id"]] = task
        if task["status"] in ENDED:
            self._out.record(self._waited.pop(task["id"]))


class Unsaid(Lines):
    """The same, but no JSON: the command has a document of its own."""

    def _show_json(self, task: Task) -> None:
        pass
