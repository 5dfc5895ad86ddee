"""Limits as they are written on the command line, and shown."""

from collections.abc import Callable
from typing import Any

import click

from scripts.cli.failure import Usage
from scripts.cli.words import clean, number, seconds_in

Limits = dict[str, Any]
#: What an option has where nothing is to change: null is a value of the API's.
_KEPT = ...


def limit_option(name: str, words: str, *, span: bool = False, also: tuple[str, ...] = ()) -> Callable[..., Any]:
    """An option for a number, a duration where it is a ``span``, ``none``, or one of the words ``also``."""

    def read(context: click.Context, parameter: click.Parameter, text: str | None) -> Any:
        if text is None or text in also:
            return _KEPT if text is None else text
        try:
            return None if text == "none" else _seconds(text) if span else _number(text)
        except (ValueError, Usage):
            kind = "duration" if span else "number"
            others = " nor ".join(["", "none", *also])
            raise click.BadParameter(f"{text!r} is no {kind},{others}.", context, parameter) from None

    return click.option(name, callback=read, metavar="SPAN" if span else "N", help=words)


def given(options: Limits) -> Limits:
    """Those that were named, as the API takes them."""
    return {name: value for name, value in options.items() if value is not _KEPT}


def limit_words(name: str, limit: Any) -> str:
    """A limit of the API's of that name."""
    if limit is None:
        return "never" if name.endswith("_seconds") else "no limit"
    if isinstance(limit, bool):
        return "yes" if limit else "no"
    return number(limit) if isinstance(limit, int | float) else clean(limit)


def _number(text: str) -> float:
    return int(text) if text.isdecimal() else float(text)


def _seconds(text: str) -> float:
    seconds = seconds_in(text)
    return int(seconds) if seconds == int(seconds) else seconds
