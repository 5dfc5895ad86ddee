"""What gunicorn calls (``--config python:scripts.web_hooks``): who waits is answered when a worker is told to stop."""

import signal
from types import FrameType
from typing import Any

from gateway.current import EXTENSION, Services


def post_worker_init(worker: Any) -> None:
    """In a new worker, after it has set its signal handlers: listeners and waiters hear of the signals before it."""
    services: Services = worker.wsgi.extensions[EXTENSION]
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT):
        _before(number, services)


def _before(number: signal.Signals, services: Services) -> None:
    handle: Any = signal.getsignal(number)

    def stop(signum: int, frame: FrameType | None) -> None:
        services.hub.stop()
        services.broker.live.stop()
        handle(signum, frame)

    signal.signal(number, stop)
