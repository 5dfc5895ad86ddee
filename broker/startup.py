"""What every process begins with: settings, task types, plugins, or a line for each thing that is wrong with them."""

import gc
import logging
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from broker.adoption.types import adopted_types
from broker.config import BrokerSettings
from broker.environment.reading import BadSettings, read
from broker.environment.unknown import unknown_names
from broker.environment.variables import VARIABLES
from broker.log import logs_json
from broker.plugin import Plugin
from broker.plugins.installed_plugins import find_plugins
from broker.plugins.installed_plugins import variables as plugin_variables
from broker.task_type import TaskType
from broker.tasks.installed_types import find_types

log = logging.getLogger("startup")
#: Exit status of a process whose settings are wrong: starting it again is no use.
BAD_SETTINGS = 2


@dataclass(frozen=True)
class Startup:
    """All that the environment says, read by the same code in every process."""

    settings: BrokerSettings
    types: dict[str, TaskType]
    plugins: dict[str, Plugin]

    @classmethod
    def from_env(cls, environ: Mapping[str, str], required: Sequence[str] = ("REDIS_URL",)) -> "Startup":
        """Raises ``BadSettings`` with all that is wrong, whichever process it concerns, and unknown names too."""
        problems: list[str] = []
        try:
            read(environ, required=required)
        except BadSettings as error:
            problems += error.problems
        types, of_types = find_types(environ)
        adopted, of_adopted = _adopted(environ)
        types |= adopted
        plugins, of_plugins = find_plugins(environ)
        problems += [*of_types, *of_adopted, *of_plugins, *_unknown(environ, types, plugins)]
        if problems:
            raise BadSettings(list(dict.fromkeys(problems)))  # a type may read what is read above
        return cls(BrokerSettings.from_env(environ), types, plugins)


def settle() -> None:
    """The start is over: the garbage collector is to pass over what it has made, which stays.

    Else it goes through all of that now and then, while somebody waits: 64 ms in a gateway, 34 in a search process.
    """
    gc.collect()
    gc.freeze()


def refuse(program: str, error: ValueError, environ: Mapping[str, str]) -> int:
    """Says in a line for each problem why ``program`` cannot start; returns its exit status."""
    for problem in error.problems if isinstance(error, BadSettings) else [str(error)]:
        say(f"{program} cannot start: {problem}", environ)
    return BAD_SETTINGS


def say(line: str, environ: Mapping[str, str]) -> None:
    """A line for the person at the terminal, on standard error; where ``LOG_FORMAT`` is JSON, one of the log."""
    if logs_json(environ):
        log.error("%s", line)
    else:
        print(line, file=sys.stderr, flush=True)


def _adopted(environ: Mapping[str, str]) -> tuple[dict[str, TaskType], list[str]]:
    """Nothing where the variables cannot be read, which is told already."""
    try:
        return adopted_types(environ)
    except BadSettings:
        return {}, []


def _unknown(environ: Mapping[str, str], types: Mapping[str, TaskType], plugins: Mapping[str, Plugin]) -> list[str]:
    known = {*VARIABLES, *(name for each in types.values() for name in each.variables())}
    known |= {name for each in plugins.values() for name in plugin_variables(each)}
    # A type of one word, such as Node, begins as other people's variables do.
    beginnings = [f"{each.env_prefix}_" for each in types.values() if "_" in each.env_prefix]
    return unknown_names(environ, known, beginnings)
