"""``make run``: the Procfile's formation on this machine, with an embedded Valkey unless ``REDIS_URL`` names a server.

``PORT`` (8000), ``HOST`` (127.0.0.1) and ``DATA_DIR`` (.data) choose where; two runs with a port and a folder each go
side by side. Exit status: 0 after being told to stop, 1 when it could not start or go on, 2 for a bad setting.
"""

import os
import signal
import socket
import sys
import time
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

from broker.config import BrokerSettings
from broker.engine.connection import connect, redis_errors
from broker.errors import Unavailable
from scripts.formation import lock
from scripts.formation.environment import shared_environment
from scripts.formation.stack import Stack, read_formation, without_password
from scripts.formation.valkey import EmbeddedValkey, NoServer
from scripts.formation.watcher import Watcher


class CannotStart(Exception):
    """The message says why, and what to do."""


def main(environ: Mapping[str, str]) -> int:
    """Runs the formation of the Procfile in the working directory until told to stop."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)
    try:
        return _run(environ, time.monotonic())
    except (CannotStart, NoServer, lock.AlreadyRunning, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("stopped before it was ready", file=sys.stderr)
        return 1


def _run(environ: Mapping[str, str], started: float) -> int:
    commands = read_formation(Path("Procfile"))
    host, port = environ.get("HOST") or "127.0.0.1", _port(environ)
    url = f"http://{'127.0.0.1' if host == '0.0.0.0' else host}:{port}"
    data_dir = Path(environ.get("DATA_DIR") or ".data").resolve()
    data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    lock.take(data_dir / "run.lock", f"{url} (process {os.getpid()})")
    held = lock.take_over(data_dir / "watcher.lock")
    _check_free(host, port)
    valkey = None
    if not environ.get("REDIS_URL"):
        valkey = EmbeddedValkey(data_dir / "valkey", always_fsync=environ.get("DURABILITY") == "fsync")
    try:
        if valkey and valkey.ensure():
            print("The embedded Valkey of an earlier run is still there; it is used again.", flush=True)
        shared = shared_environment(environ, data_dir, valkey.url if valkey else environ["REDIS_URL"], url)
        BrokerSettings.from_env(shared)  # a bad setting is told once, not ten times by each process
        if not valkey:
            _check_answers(shared["REDIS_URL"])
        with closing(Watcher(held)) as watcher:
            return Stack(commands, shared, port, url, valkey, started).run(watcher)
    finally:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)  # the last step takes a moment, and must not be cut short
        if valkey:
            valkey.stop()


def _port(environ: Mapping[str, str]) -> int:
    text = environ.get("PORT") or "8000"
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= 65535:
        raise ValueError(f"PORT={text!r} must be a number from 1 to 65535")
    return int(text)


def _check_free(host: str, port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            reason = error.strerror or str(error)
            message = f"Port {port} on {host} cannot be used ({reason}). Choose another: make run PORT={port + 1}"
            raise CannotStart(message) from error


def _check_answers(redis_url: str) -> None:
    try:
        with redis_errors(), connect(redis_url) as client:
            client.ping()
    except Unavailable as error:
        raise CannotStart(f"REDIS_URL={without_password(redis_url)} does not answer: {error.__cause__}") from error


if __name__ == "__main__":
    sys.exit(main(os.environ))
