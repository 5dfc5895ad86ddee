"""How gunicorn serves the gateway (``--config python:scripts.web_server``), and what it calls: a worker repeats what
the task types are, and who waits is answered when it is told to stop.
"""

import signal
import threading
from types import FrameType
from typing import Any

from broker.daemon.declare import Declare
from broker.daemon.loop import run
from broker.startup import settle
from gateway.current import EXTENSION, Services
from gateway.server.log import Logger
from gateway.server.worker import STOPS, Worker

worker_class = Worker
logger_class = Logger
#: Of each process; 72 of them may wait for a task's next status.
threads = 96
preload_app = True
control_socket_disable = True
#: Longer than clients and proxies keep a connection that is at rest.
keepalive = 75
graceful_timeout = 20
limit_request_line = 8190
#: Where the application lies and how it is reached is the operator's to say, not a header's.
forwarder_headers = ""
secure_scheme_headers: dict[str, str] = {}


def when_ready(arbiter: Any) -> None:
    """In the arbiter, once it has the application and before it forks: workers share the memory of it."""
    settle()


def post_fork(arbiter: Any, worker: Worker) -> None:
    """In a new worker, at once: what reaches it before it has signal handlers of its own is in this queue."""
    worker.heard = arbiter.SIG_QUEUE


def post_worker_init(worker: Any) -> None:
    """In a new worker, after it has set its signal handlers: listeners and waiters hear of the signals before it."""
    extensions = getattr(worker.wsgi, "extensions", {})
    if EXTENSION not in extensions:  # another application on this server
        return
    services: Services = extensions[EXTENSION]
    chores = [Declare(services.broker.queues)]  # Redis may have been away at the start, and may lose everything later
    threading.Thread(target=run, args=(chores, threading.Event()), name="declare", daemon=True).start()
    _listen(services)


def _listen(services: Services) -> None:
    """A signal may come again while it is handled, or another one may: each is handled once, and none waits for a lock
    that the handler which it interrupts holds.
    """
    handlers: dict[int, Any] = {number: signal.getsignal(number) for number in STOPS}
    told: set[int] = set()

    def stop(number: int, frame: FrameType | None) -> None:
        if number in told:
            return
        first = not told
        told.add(number)
        if first:
            services.hub.stop()
            services.broker.live.stop()
        handlers[number](number, frame)

    for number in STOPS:
        signal.signal(number, stop)
