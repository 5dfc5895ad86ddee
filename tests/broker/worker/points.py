"""Points in a process' life at which a test stops it or kills it: where every gap between two steps lies.

``TEST_POINT=<step>:<when>:<do>:<file>``: at ``submit``, ``claim``, ``finish`` or ``fail`` (the calls of the store that
accept tasks and take and end runs; a claim counts when it is granted a task), ``before`` or ``after`` the server has
done it, ``kill`` the process or ``hold`` it until ``<file>.go`` is there. Making ``<file>`` marks that the point was
reached, and it fires once only.
"""

import os
import signal
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from broker.engine.transitions import Claimed, Transitions


def install(environ: Mapping[str, str]) -> None:
    """Puts the point that the environment names, if any, into the store of this process and its children."""
    if not (point := environ.get("TEST_POINT")):
        return
    step, when, do, file = point.split(":", 3)
    setattr(Transitions, step, _with_point(getattr(Transitions, step), when, lambda: _reach(do, Path(file))))


def _with_point(call: Callable[..., Any], when: str, reach: Callable[[], None]) -> Callable[..., Any]:
    def called(store: Transitions, *args: Any, **options: Any) -> Any:
        if when == "before":
            reach()
        answer = call(store, *args, **options)
        granted = call.__name__ != "claim" or isinstance(answer, Claimed)
        if when == "after" and granted:
            reach()
        return answer

    return called


def _reach(do: str, file: Path) -> None:
    try:
        os.close(os.open(file, os.O_CREAT | os.O_EXCL))
    except FileExistsError:
        return  # once is enough
    if do == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    while not file.with_name(f"{file.name}.go").exists():
        time.sleep(0.01)
