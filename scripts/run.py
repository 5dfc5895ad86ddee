"""``make run``: the Procfile's formation on this machine, with an embedded Valkey unless ``REDIS_URL`` names a server.

``PORT`` (8000), ``HOST`` (127.0.0.1) and ``DATA_DIR`` (.data) choose where; two runs with a port and a folder each go
side by side. Exit status: 0 after being told to stop, 1 when it could not start or go on, 2 for a bad setting.
"""

import os
import signal
import sys
import time
from argparse import ArgumentParser
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

from broker.engine.connection import connect, redis_errors
from broker.environment.reading import BadSettings, read, shown
from broker.errors import StorageFull, Unavailable
from broker.log import set_up_logging
from broker.media.open_storage import open_storage
from broker.startup import Startup, refuse, say
from scripts.formation import lock
from scripts.formation.address import Address, PortTaken
from scripts.formation.environment import remembered, shared_environment
from scripts.formation.procfile import read_formation
from scripts.formation.stack import Stack, without_password
from scripts.formation.valkey import EmbeddedValkey, NoServer
from scripts.formation.watcher import Watcher

#: Stands for the address of a server that is not started yet.
_LATER = "redis://127.0.0.1"


class NoAnswer(Exception):
    """The server that ``REDIS_URL`` names does not answer."""


def main(environ: Mapping[str, str]) -> int:
    """Runs the formation of the Procfile in the working directory until told to stop."""
    started = time.monotonic()
    set_up_logging(environ)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)
    try:
        return _run(environ, _settings(environ), started)
    except (NoAnswer, PortTaken, NoServer, lock.AlreadyRunning, OSError) as error:
        say(str(error), environ)
        return 1
    except BadSettings as error:
        return refuse("make run", error, environ)
    except KeyboardInterrupt:
        say("stopped before it was ready", environ)
        return 1


def _settings(environ: Mapping[str, str]) -> dict[str, Any]:
    """All variables. Raises ``BadSettings`` for what any process would refuse, before anything is started."""
    given = {name: value for name, value in environ.items() if value.strip()}
    Startup.from_env({"REDIS_URL": _LATER, **given})
    return read(environ)


def _run(environ: Mapping[str, str], settings: Mapping[str, Any], started: float) -> int:
    commands = read_formation(Path("Procfile"))
    address = Address(settings["HOST"] or "127.0.0.1", settings["PORT"], settings["SCRIPT_NAME"])
    data_dir = _make(settings["DATA_DIR"])
    lock.take(data_dir / "run.lock", f"{address.url} (process {os.getpid()})")
    held = lock.take_over(data_dir / "watcher.lock")
    address.check_free()
    if "dashboard" in commands:
        dashboard = Address(settings["DASHBOARD_HOST"], settings["DASHBOARD_PORT"], prefix="DASHBOARD_")
        dashboard.check_free()
        if dashboard.netloc == address.netloc:
            raise BadSettings([f"DASHBOARD_PORT={dashboard.port}: the gateway listens there (PORT); choose another"])
    _check_storage(settings["STORAGE_URL"], data_dir)
    valkey = None
    if not settings["REDIS_URL"]:
        valkey = EmbeddedValkey(data_dir / "valkey", always_fsync=settings["DURABILITY"].startswith("fsync"))
    try:
        if valkey and valkey.ensure():
            say("The embedded Valkey of an earlier run is still there; it is used again.", environ)
        shared = shared_environment(environ, data_dir, valkey.url if valkey else settings["REDIS_URL"], address.url)
        if not valkey:
            _check_answers(shared["REDIS_URL"])
        with closing(Watcher(held)) as watcher, remembered(shared):
            own_key = bool(settings["API_KEYS"])
            return Stack(commands, shared, address, valkey, started, own_key=own_key).run(watcher)
    finally:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)  # the last step takes a moment, and must not be cut short
        if valkey:
            valkey.stop()


def _make(data_dir: Path) -> Path:
    try:
        data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise BadSettings([f"DATA_DIR='{data_dir}': this folder cannot be made ({error.strerror})"]) from error
    return data_dir.resolve()


def _check_storage(url: str, data_dir: Path) -> None:
    """Raises ``BadSettings`` where no media could be stored. A full one can still be read from, and may be emptied."""
    try:
        open_storage(url, data_dir).check(thoroughly=True)
    except StorageFull:
        return
    except (Unavailable, ValueError) as error:  # the latter of an endpoint or a path that is none
        where = f"STORAGE_URL={shown(url)!r}" if url else f"DATA_DIR='{data_dir}'"
        raise BadSettings([f"{where}: media cannot be stored there ({_cause(error)})"]) from error


def _cause(error: Exception) -> str:
    """In one line; the path that an ``OSError`` repeats may be thousands of characters long."""
    cause = error.__cause__ or error
    words = cause.strerror if isinstance(cause, OSError) and cause.strerror else str(cause)
    return " ".join(words.split())


def _check_answers(redis_url: str) -> None:
    try:
        with redis_errors(), connect(redis_url) as client:
            client.ping()
    except Unavailable as error:
        raise NoAnswer(f"REDIS_URL={without_password(redis_url)} does not answer: {error.__cause__}") from error


if __name__ == "__main__":
    ArgumentParser(prog="python -m scripts.run", description=__doc__).parse_args()  # settings are variables
    sys.exit(main(os.environ))
