"""What a shell may complete: the types of tasks and the workers that the gateway knows."""

import os
from typing import Any

import click

from scripts.cli.access import find_access
from scripts.cli.api import Api
from scripts.cli.failure import Failure


def complete_type(context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[str]:
    """Types that begin so; none where no gateway answers, since a shell that completes has no room for errors."""
    stats = _answer(context, "/api/tasks/stats")
    return [name for name in sorted(stats.get("by_type", ())) if name.startswith(incomplete)]


def complete_worker(context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[str]:
    """The names of live workers that begin so; none without the scope admin."""
    workers = _answer(context, "/api/workers").get("workers", ())
    return [worker["name"] for worker in workers if worker["name"].startswith(incomplete)]


def _answer(context: click.Context, path: str) -> dict[str, Any]:
    try:
        found: dict[str, Any] = Api(find_access(context.params.get("url"), os.environ)).get(path)
    except Failure:
        return {}
    return found
