"""What a command says: data on stdout, as JSON, as bare ids or in words; talk on stderr."""

import json
import os
import re
import sys
from collections.abc import Iterable, Sequence
from typing import Any

import click

from scripts.cli.failure import Failure
from scripts.cli.status import STYLES
from scripts.cli.table import Column, lines
from scripts.cli.words import clean

#: A line's width where nobody looks at it: nothing is cut.
_ENDLESS = 100_000


class Output:
    """Where one command speaks."""

    def __init__(self, *, as_json: bool = False, quiet: bool = False) -> None:
        self.as_json, self.quiet = as_json, quiet

    @property
    def on_terminal(self) -> bool:
        """Whether somebody sees it, so that lines may be drawn over."""
        return sys.stdout.isatty() and os.environ.get("TERM") != "dumb"

    @property
    def width(self) -> int:
        return os.get_terminal_size(sys.stdout.fileno()).columns or 80 if sys.stdout.isatty() else _ENDLESS

    def data(self, document: Any, ids: Iterable[str] = ()) -> bool:
        """Says it for programs, if that was asked for: ``document`` as it is, or one id a line. Else False.

        ``None`` is an answer without content.
        """
        if self.as_json and document is not None:
            _echo(as_text(document, indent=2))
        elif self.quiet:
            for each in ids:
                _echo(each)
        return self.as_json or self.quiet

    def record(self, document: Any, identity: str = "") -> bool:
        """The same for one of many: JSON on a line of its own."""
        if self.as_json:
            _echo(as_text(document))
        elif self.quiet and identity:
            _echo(identity)
        return self.as_json or self.quiet

    def line(self, text: str = "") -> None:
        _echo(text)

    def note(self, text: str) -> None:
        """To the person, not to whoever reads the data; programs that wanted neither words nor lines get none."""
        if not (self.as_json or self.quiet):
            _echo(text, err=True)

    def table(self, columns: Sequence[Column], rows: Iterable[Sequence[str]], below: int = 1) -> None:
        """Rows as wide as the terminal is; see ``scripts.cli.table``."""
        for text in lines(columns, list(rows), self.width, below):
            _echo(text)

    def fields(self, pairs: Iterable[tuple[str, str]]) -> None:
        """Names and values, those without a value left out."""
        shown = [(name, value) for name, value in pairs if value not in ("", "-")]
        broad = max((len(name) for name, _ in shown), default=0)
        for name, value in shown:
            _echo(f"{click.style(name.ljust(broad), dim=True)}  {value}")

    def failure(self, failure: Failure) -> None:
        """On stderr: a line, or a problem document."""
        if self.as_json:
            _echo(as_text(failure.problem), err=True)
        else:
            first, *more = failure.message.splitlines() or [""]
            told = [click.style("error: ", fg="red", bold=True) + clean(first), *("  " + clean(each) for each in more)]
            _echo("\n".join(told), err=True)


def _echo(text: str, *, err: bool = False) -> None:
    # Without a word of the environment click looks whether a terminal listens.
    plain = bool(os.environ.get("NO_COLOR")) or os.environ.get("TERM") == "dumb"
    click.echo(text, err=err, color=False if plain else None)


def status_word(status: str) -> str:
    """A status in its colour."""
    return click.style(status, **STYLES.get(status, {}))


def as_text(document: Any, indent: int | None = None) -> str:
    """JSON in which a terminal finds nothing to obey; it means the same."""
    text = json.dumps(document, ensure_ascii=False, indent=indent)
    return re.sub(r"[^\n -~]", lambda found: found[0] if found[0].isprintable() else json.dumps(found[0])[1:-1], text)
