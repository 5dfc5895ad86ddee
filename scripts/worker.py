"""The workers' composition root: ``python -m scripts.worker [TYPE ...]`` runs tasks of these types, or of all."""

import argparse
import logging
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from importlib.util import find_spec

from broker.broker import Broker
from broker.config import BrokerSettings
from broker.doctor.server import never
from broker.errors import Unavailable
from broker.log import set_up_logging
from broker.startup import Startup, refuse
from broker.task_type import TaskType
from broker.tasks.installed_types import check_named, import_named
from broker.tasks.waiting_payloads import refused_payloads
from broker.worker import supervisor

log = logging.getLogger("worker")


def main(environ: Mapping[str, str], arguments: Sequence[str]) -> int:
    """Works until told to stop. Exit status 2 when the settings name something that is not there."""
    parser = argparse.ArgumentParser(prog="python -m scripts.worker", description=__doc__)
    parser.add_argument(
        "types", nargs="*", metavar="TYPE", help="a task type, such as VideoTranscoding; all if left out"
    )
    wanted = parser.parse_args(arguments).types
    set_up_logging(environ)
    try:
        startup = Startup.from_env(environ)
        types = runnable(chosen(startup.types, wanted))
        types = {name: _checked(each, environ) for name, each in types.items()}
        broker = Broker(startup.settings, types)
        if wrong := never(broker):
            raise ValueError(wrong)
        broker.hang_up()
        types = understood(startup.settings, types)
    except ValueError as error:
        return refuse("the worker", error, environ)
    supervisor.run(startup.settings, types)
    return 0


def chosen(types: Mapping[str, TaskType], wanted: Sequence[str]) -> dict[str, TaskType]:
    """The wanted types; when none is named, all that are not dedicated. Raises ``ValueError`` for an unknown name."""
    unknown = sorted(set(wanted) - set(types))
    if unknown:
        raise ValueError(f"there is no task type {', '.join(unknown)}; there are {', '.join(types)}")
    return {name: each for name, each in types.items() if name in wanted or not (wanted or each.dedicated)}


def runnable(types: Mapping[str, TaskType]) -> dict[str, TaskType]:
    """The types whose modules are installed here. Raises ``ValueError`` when none is left."""
    left = {}
    for name, task_type in types.items():
        missing = [module for module in task_type.requires if find_spec(module) is None]
        if missing:
            log.warning("%s is left to other workers: not installed here: %s", name, ", ".join(missing))
        else:
            left[name] = task_type
    if not left:
        raise ValueError(f"this machine can run none of {', '.join(types) or 'the task types: there are none'}")
    return left


def understood(settings: BrokerSettings, types: Mapping[str, TaskType]) -> dict[str, TaskType]:
    """The types whose unfinished tasks these handlers understand. Raises ``ValueError`` when none is left.

    A server that is away is waited for by the children: what waits there cannot be looked at now.
    """
    broker = Broker(settings, types)
    try:
        refused = {each.type: str(each) for each in refused_payloads(broker.redis, broker.keys, types)}
    except Unavailable as error:
        log.warning("whether payloads that wait are understood was not looked at: %s", error.message)
        return dict(types)
    finally:
        broker.redis.close()
    if types and refused.keys() == types.keys():
        raise ValueError(" ".join(refused.values()))
    for told in refused.values():
        log.error("left to other workers: %s", told)
    return {name: each for name, each in types.items() if name not in refused}


def _checked(task_type: TaskType, environ: Mapping[str, str]) -> TaskType:
    """The type, with what its handler makes here. Raises ``ValueError`` where every task would fail."""
    makes = import_named(task_type.preflight)(environ) if task_type.preflight else ""
    _check_handler(task_type)
    lacks = tuple(import_named(task_type.machine)(environ)) if task_type.machine else ()
    return replace(task_type, makes=makes if isinstance(makes, str) else "", lacks=lacks)


def _check_handler(task_type: TaskType) -> None:
    """Raises ``ValueError`` where every task would fail. Only children load handlers: here that would cost memory."""
    try:
        check_named(task_type.handler)
    except ValueError as error:
        raise ValueError(f"{task_type.name}: its handler: {error}") from error


if __name__ == "__main__":
    sys.exit(main(os.environ, sys.argv[1:]))
