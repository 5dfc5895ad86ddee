"""Which task types there are: installed packages' entry points, and those that ``TASK_TYPES`` names."""

import importlib
from collections.abc import Iterator, Mapping
from importlib.metadata import entry_points
from typing import Any

from broker.task_type import TaskType

TYPES_GROUP = "mindia_tasks.types"


def load_types(environ: Mapping[str, str]) -> dict[str, TaskType]:
    """All task types by name, with their environment overrides. Raises ``ValueError`` that names what is wrong."""
    types: dict[str, TaskType] = {}
    for origin, found in declared(TYPES_GROUP, environ.get("TASK_TYPES", "")):
        if not isinstance(found, TaskType):
            raise ValueError(f"{origin} is {found!r}, not a broker.task_type.TaskType")
        if types.get(found.name, found) is not found:
            raise ValueError(f"{origin}: there are two task types named {found.name}")
        types[found.name] = found
    return {name: types[name].with_environment(environ) for name in sorted(types)}


def declared(group: str, variable: str) -> Iterator[tuple[str, Any]]:
    """(where from, object) of an entry point group and of a ``module:attribute,...`` list."""
    for entry in entry_points(group=group):
        try:
            found = entry.load()
        except (ImportError, AttributeError) as error:
            raise ValueError(f"cannot load entry point {entry.value}: {error}") from error
        yield f"entry point {entry.value}", found
    for name in filter(None, (part.strip() for part in variable.split(","))):
        yield name, import_named(name)


def import_named(name: str) -> Any:
    """The object that ``module:attribute`` names. Raises ``ValueError`` when there is none."""
    module, _, attribute = name.partition(":")
    try:
        return getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError, ValueError) as error:
        raise ValueError(f"cannot load {name!r} (want module:attribute): {error}") from error
