"""``python -m scripts.dashboard``: opens the port, says where, and becomes the WSGI server with an environment reduced
to what the dashboard needs. Exit status 2 for a bad setting, 1 when the port cannot be had."""

import os
import socket
import sys
from typing import NoReturn

from scripts.dashboard.settings import DashboardSettings, reduced

_SERVER = ("gunicorn", "--worker-class", "gthread", "--threads", "4", "--no-control-socket", "--log-level", "warning")
_APPLICATION = "scripts.dashboard.app:from_environment()"


def main() -> int:
    try:
        settings = DashboardSettings.from_env(os.environ)
        listener = socket.create_server((settings.host, settings.port), family=_family(settings.host))
        serve(settings.host, listener)
    except ValueError as error:
        print(f"the dashboard cannot start: {error}", file=sys.stderr)
        return 2
    except OSError as error:
        print(f"the dashboard cannot start: {error}", file=sys.stderr)
        return 1


def serve(host: str, listener: socket.socket) -> NoReturn:
    """Becomes the server of this socket."""
    shown = f"[{host}]" if ":" in host else host
    print(f"dashboard at http://{shown}:{listener.getsockname()[1]}", flush=True)
    listener.set_inheritable(True)
    command = [sys.executable, "-m", *_SERVER, "--bind", f"fd://{listener.fileno()}", _APPLICATION]
    os.execve(sys.executable, command, reduced(os.environ))


def _family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET


if __name__ == "__main__":
    sys.exit(main())
