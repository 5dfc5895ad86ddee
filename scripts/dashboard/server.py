"""How gunicorn serves the dashboard (``--config python:scripts.dashboard.server``): as it serves the gateway."""

import signal
from typing import Any

from gateway.server.log import Logger
from gateway.server.worker import Worker

worker_class = Worker
logger_class = Logger
threads = 4
loglevel = "warning"
control_socket_disable = True
forwarder_headers = ""
secure_scheme_headers: dict[str, str] = {}


def when_ready(server: Any) -> None:
    """After gunicorn has set its signal handlers: SIGUSR2 would start a second one, without what this one was given."""
    signal.signal(signal.SIGUSR2, signal.SIG_IGN)
