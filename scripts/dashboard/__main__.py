"""``python -m scripts.dashboard``: opens the port, says where, and becomes the WSGI server with an environment reduced
to what the dashboard needs. Exit status 2 for a bad setting, 1 when the port cannot be had."""

import logging
import os
import socket
import sys
from argparse import ArgumentParser
from typing import NoReturn

from broker.environment.addresses import in_url, is_nowhere
from broker.log import logs_json, set_up_logging
from broker.startup import Startup, refuse, say
from scripts.dashboard.settings import DashboardSettings, reduced

_SERVER = ("gunicorn", "--config", "python:scripts.dashboard.server")
_APPLICATION = "scripts.dashboard.app:from_environment()"


def main() -> int:
    set_up_logging(os.environ)
    try:
        Startup.from_env(os.environ)
        settings = DashboardSettings.from_env(os.environ)
        serve(settings.host, _listen(settings))
    except ValueError as error:
        return refuse("the dashboard", error, os.environ)
    except OSError as error:
        where = f"DASHBOARD_HOST={settings.host!r}, DASHBOARD_PORT={settings.port}"
        say(f"the dashboard cannot start now: {where}: {error.strerror or error}", os.environ)
        return 1


def serve(host: str, listener: socket.socket) -> NoReturn:
    """Becomes the server of this socket."""
    where = f"dashboard at http://{in_url(host)}:{listener.getsockname()[1]}"
    if logs_json(os.environ):
        logging.getLogger("dashboard").info("%s", where)
    else:
        print(where, flush=True)
    listener.set_inheritable(True)
    command = [sys.executable, "-m", *_SERVER, "--bind", f"fd://{listener.fileno()}", _APPLICATION]
    os.execve(sys.executable, command, reduced(os.environ))


def _listen(settings: DashboardSettings) -> socket.socket:
    """Raises ``ValueError`` for an address that this machine does not have, ``OSError`` for a port that is taken."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    try:
        return socket.create_server((settings.host, settings.port), family=family)
    except OSError as error:
        if is_nowhere(error):
            reason = f"nothing can listen there ({error.strerror})"
            raise ValueError(f"DASHBOARD_HOST={settings.host!r}, DASHBOARD_PORT={settings.port}: {reason}") from error
        raise


if __name__ == "__main__":
    ArgumentParser(prog="python -m scripts.dashboard", description=__doc__).parse_args()  # settings are variables
    sys.exit(main())
