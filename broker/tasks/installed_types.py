"""Which task types there are: installed packages' entry points, and those that ``TASK_TYPES`` names."""

import importlib
import re
import sys
from collections.abc import Mapping
from importlib.abc import InspectLoader
from importlib.metadata import entry_points
from importlib.util import find_spec
from typing import Any

from broker.environment.reading import BadSettings, read_one
from broker.task_type import TaskType

TYPES_GROUP = "mindia_tasks.types"
#: How a module comes to names that are not in its source.
_DYNAMIC = re.compile(r"import\s+\*|__getattr__|\b(globals|vars|exec|setattr)\(")


def load_types(environ: Mapping[str, str]) -> dict[str, TaskType]:
    """All task types by name, with their environment overrides. Raises ``BadSettings`` with all that is wrong."""
    types, problems = find_types(environ)
    if problems:
        raise BadSettings(problems)
    return types


def find_types(environ: Mapping[str, str]) -> tuple[dict[str, TaskType], list[str]]:
    """The task types that can be loaded, by name, and a line for each thing that is wrong with these or others."""
    found, problems = declared(TYPES_GROUP, "TASK_TYPES", read_one(environ, "TASK_TYPES"))
    types: dict[str, TaskType] = {}
    for origin, each in found:
        if not isinstance(each, TaskType):
            problems.append(f"{origin} is {each!r}, not a broker.task_type.TaskType")
        elif types.get(each.name, each) is not each:
            problems.append(f"{origin}: there are two task types named {each.name}")
        else:
            types[each.name] = each
    for name in sorted(types):
        try:
            types[name] = types[name].with_environment(environ)
        except BadSettings as error:
            problems += error.problems
    return dict(sorted(types.items())), problems


def declared(group: str, variable: str, named: str) -> tuple[list[tuple[str, Any]], list[str]]:
    """What an entry point group and a variable's ``module:attribute,...`` list lead to.

    Returns ``[(where from, object)]`` and a line for each that cannot be loaded, for whatever reason.
    """
    found: list[tuple[str, Any]] = []
    problems: list[str] = []
    for entry in entry_points(group=group):
        try:
            found.append((f"entry point {entry.value}", entry.load()))
        except (Exception, SystemExit) as error:
            problems.append(f"cannot load entry point {entry.value}: {_in_a_line(error)}")
    for name in filter(None, (part.strip() for part in named.split(","))):
        try:
            found.append((f"{variable}: {name}", import_named(name)))
        except Exception as error:
            problems.append(f"{variable}: {_in_a_line(error)}")
    return found, problems


def import_named(name: str) -> Any:
    """The object that ``module:attribute`` names. Raises ``ValueError`` when there is none."""
    module, _, attribute = name.partition(":")
    try:
        return getattr(importlib.import_module(module), attribute)
    except (Exception, SystemExit) as error:
        raise ValueError(f"cannot load {name!r} (want module:attribute): {_in_a_line(error)}") from error


def check_named(name: str) -> None:
    """Raises ``ValueError`` where nothing can be of this name, as far as that is told without running the module."""
    module, _, attribute = name.partition(":")
    try:
        if not _may_have(module, attribute):
            raise AttributeError(f"module {module!r} has no attribute {attribute!r}")
    except (Exception, SystemExit) as error:  # packages around the module do run
        raise ValueError(f"cannot load {name!r} (want module:attribute): {_in_a_line(error)}") from error


def _may_have(module: str, attribute: str) -> bool:
    """Whether the module has the attribute, or its source the word, or ways to have more than is written there."""
    if module in sys.modules:
        return hasattr(sys.modules[module], attribute)
    spec = find_spec(module)
    if spec is None:
        raise ModuleNotFoundError(f"No module named {module!r}")
    source = spec.loader.get_source(module) if isinstance(spec.loader, InspectLoader) else None
    return source is None or bool(_DYNAMIC.search(source) or re.search(rf"\b{re.escape(attribute)}\b", source))


def _in_a_line(error: BaseException) -> str:
    """A module that somebody else wrote may raise anything, and even end the process."""
    kind = "" if isinstance(error, (ImportError, AttributeError, ValueError)) else f"{type(error).__name__}: "
    return kind + " ".join(str(error).split())
