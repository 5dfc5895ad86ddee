"""What all commands share: their options, the API they ask, and how they answer."""

import os
from collections.abc import Callable, Iterable
from functools import cached_property
from typing import Any

import click

from scripts.cli.access import find_access
from scripts.cli.api import Api
from scripts.cli.failure import DONE, Failure
from scripts.cli.output import Output

Run = Callable[..., None]


class Call:
    """One call of a command."""

    def __init__(self, url: str | None, out: Output) -> None:
        self.out = out
        self._url = url

    @cached_property
    def api(self) -> Api:
        """Raises ``Failure`` where there is no address or key."""
        return Api(find_access(self._url, os.environ))

    def for_each(self, ids: Iterable[str], act: Callable[[str], Any]) -> None:
        """Does it to all, also when it fails for some; then the program ends with the status of the first failure."""
        status = DONE
        for each in ids:
            try:
                act(each)
            except Failure as failure:
                self.out.failure(failure)
                status = status or failure.status
        if status != DONE:
            raise click.exceptions.Exit(status)


def command(name: str, group: click.Group | None = None, **options: Any) -> Callable[[Run], click.Command]:
    """Makes a command of a function that takes a ``Call`` and the command's own parameters."""

    def decorate(function: Run) -> click.Command:
        def run(url: str | None, as_json: bool, quiet: bool, **given: Any) -> None:
            function(Call(url, Output(as_json=as_json, quiet=quiet)), **given)

        run.__doc__ = function.__doc__
        # click keeps the parameters of a function there, the last first.
        shared, own = _shared(run), getattr(function, "__click_params__", [])
        shared.__click_params__ += own  # type: ignore[attr-defined]
        return (group.command if group else click.command)(name, **options)(shared)

    return decorate


def _shared(run: Run) -> Run:
    for option in (
        click.option("--url", metavar="URL", help="The gateway, if not that of MINDIA_URL or of `make run` here."),
        click.option("-q", "--quiet", is_flag=True, help="Print ids only."),
        click.option("--json", "as_json", is_flag=True, help="Print what the API answers."),
    ):
        run = option(run)
    return run


def task_ids(**options: Any) -> Callable[[Run], Run]:
    """The argument of ids."""
    return click.argument("task_ids", metavar="ID...", nargs=-1, type=click.UUID, **options)
