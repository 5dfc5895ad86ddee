"""Tasks as bars on a terminal."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import click
from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    ProgressColumn,
    TaskID,
    TextColumn,
    TransferSpeedColumn,
)
from rich.text import Text

from scripts.cli.status import ENDED
from scripts.cli.task_text import ending, headline
from scripts.cli.words import ago, clean

_NARROW = 80


class Bars:
    """One bar for each task that has not ended, and a line above them for each that has."""

    def __init__(self) -> None:
        self._console = Console(highlight=False, markup=False)
        self._progress = Progress(*_columns(self._console.width), console=self._console, transient=True, expand=False)
        self._bars: dict[str, TaskID] = {}
        self._ended: set[str] = set()

    def __enter__(self) -> "Bars":
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def show(self, task: dict[str, Any]) -> None:
        """Draws a task that is new, or has changed."""
        if task["status"] in ENDED:
            self._end(task)
            return
        self._ended.discard(task["id"])
        bar = self._bars.get(task["id"])
        if bar is None:
            bar = self._bars[task["id"]] = self._progress.add_task(clean(task["type"]), total=100, **_words(task))
        percent = task["progress"]["percent"] if task["status"] == "processing" and task["progress"] else 0
        self._progress.update(bar, completed=percent, **_words(task))

    def say(self, text: str) -> None:
        """A line above the bars."""
        self._console.print(Text(text, style="dim"))

    def _end(self, task: dict[str, Any]) -> None:
        if bar := self._bars.pop(task["id"], None):
            self._progress.remove_task(bar)
        if task["id"] not in self._ended:
            self._ended.add(task["id"])
            self._console.print(Text.from_ansi(ending(task)), soft_wrap=True)


def _words(task: dict[str, Any]) -> dict[str, Any]:
    began = task["started_at"] if task["status"] == "processing" else task["created_at"]
    return {
        "short": task["id"][:8],
        "began": began,
        "words": f"{task['status']} {click.unstyle(headline(task))}"
        if task["status"] != "processing"
        else headline(task),
    }


class _Age(ProgressColumn):
    """For how long it has been running, or has waited."""

    def render(self, task: Any) -> Text:
        return Text(ago(task.fields["began"]).rjust(7), style="dim")


def _columns(width: int) -> list[ProgressColumn]:
    kind = TextColumn("{task.description}", markup=False)
    words = TextColumn("{task.fields[words]}", markup=False)
    bar = BarColumn(20 if width >= _NARROW else 8)
    identity = TextColumn("{task.fields[short]}", markup=False, style="dim")
    return [identity, kind, bar, _Age(), words] if width >= _NARROW else [identity, bar, words]


@contextmanager
def sending(name: str, size: int) -> Iterator[Callable[[int], None]]:
    """A bar for an upload of ``size`` bytes, to be told of every part that has gone."""
    columns = [TextColumn("{task.description}", markup=False), BarColumn(20), DownloadColumn(), TransferSpeedColumn()]
    with Progress(*columns, console=Console(highlight=False), transient=True) as shown:
        bar = shown.add_task(name, total=size)
        yield lambda count: shown.update(bar, advance=count)
