"""Which tasks are meant: filters, and all pages of them."""

from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any

import click

from scripts.cli.api import Api
from scripts.cli.completing import complete_type
from scripts.cli.status import STATUSES
from scripts.cli.words import since

#: The most that the API answers at once.
_PAGE = 100

Filters = dict[str, Any]


class _Statuses(click.Choice[str]):
    """One status, or several with commas between them, as the API takes them."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        return ",".join(super(_Statuses, self).convert(each, param, ctx) for each in str(value).split(","))


def _apart(_: click.Context, __: click.Parameter, values: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(each for value in values for each in value.split(",") if each))


_MANY = {"multiple": True, "callback": _apart}
#: Options and the filters of the API that they are; those of lists may be given several times.
_OPTIONS: dict[str, tuple[str, dict[str, Any]]] = {
    "--failure": ("failure_id", {"metavar": "ID", "help": "Only failed ones of this group: mindia failures."}),
    "--unique": ("unique_key", {"metavar": "KEY", "help": "Only those with this unique key."}),
    "--media": ("media_id", {"metavar": "ID", "help": "Only those about this file."}),
    "--group": ("group", {"metavar": "NAME", "help": "Only those of this group."}),
    "--tag": ("tag", {"metavar": "TAG", "help": "Only those with this tag."}),
    "--flow": ("flow", {"metavar": "NAME", "help": "Only of this flow; instead of --type."}),
    "--error": ("error", {"metavar": "TEXT", "help": "Only those whose error has this text in it."}),
    "--since": ("start_date", {"metavar": "SPAN", "help": "Only those created since: 15m, 1h, 2d, or a date."}),
    "--type": (
        "type",
        {
            **_MANY,
            "metavar": "TYPE",
            "shell_complete": complete_type,
            "help": "Only these: separated by commas, or repeated.",
        },
    ),
    "--status": (
        "status",
        {
            **_MANY,
            "type": _Statuses(STATUSES),
            "help": "Only those in these statuses: separated by commas, or repeated.",
        },
    ),
}


def filtered(*, status: bool = True) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """The options that choose tasks; what they mean is the parameter ``given`` of the command, see ``taken``."""

    def decorate(function: Callable[..., None]) -> Callable[..., None]:
        for option, (name, attributes) in _OPTIONS.items():
            if status or name != "status":
                function = click.option(option, f"only_{name}", **attributes)(function)
        return function

    return decorate


def taken(options: dict[str, Any]) -> Filters:
    """Takes the options of ``filtered`` out of a command's, as filters in the form that a JSON body has."""
    given: Filters = {}
    for name, _ in _OPTIONS.values():
        value = options.pop(f"only_{name}", None)
        if value:
            given[name] = list(value) if isinstance(value, tuple) else since(value) if name == "start_date" else value
    return given


def query(given: Filters) -> Filters:
    """The same in the form that a URL has."""
    return {name: ",".join(value) if isinstance(value, list) else value for name, value in given.items()}


def all_tasks(api: Api, given: Filters) -> Iterator[dict[str, Any]]:
    """Every task that matches, newest first and each once, also while tasks are added."""
    cursor: str | None = ""
    while cursor is not None:
        page = api.get("/api/tasks", **query(given), limit=_PAGE, cursor=cursor)
        yield from page["tasks"]
        cursor = page["next_cursor"]


def newest(api: Api, given: Filters, most: int | None) -> dict[str, Any]:
    """At most so many of them, ``None`` for all, as the API answers them; a total is there where it has counted."""
    if most is not None and most <= _PAGE:
        page: dict[str, Any] = api.get("/api/tasks", **query(given), limit=most)
        if not page.get("incomplete"):
            return page
    return {"tasks": list(islice(all_tasks(api, given), most))}
