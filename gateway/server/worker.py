"""The loop as one of gunicorn's workers (``worker_class``): gunicorn forks, restarts and stops it."""

import logging
import os
import resource
import signal
import sys
from dataclasses import replace
from queue import SimpleQueue
from typing import Any

from gunicorn.config import Config
from gunicorn.workers.base import Worker as GunicornWorker

from gateway.live.hub import MOST_LISTENERS
from gateway.server.answer import Answer
from gateway.server.limits import Limits
from gateway.server.loop import Loop
from gateway.server.site import Site, admit_nobody
from gateway.server.threads import Threads

log = logging.getLogger(__name__)

#: What tells a process to stop.
STOPS = (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT)
#: Seconds in which a client that is between two requests can still begin one with a worker that stops.
_LINGER = 2.0
#: Files beside connections, those of listeners to events among them, and what each connection may have: itself, its
#: body, its answer. There are never fewer connections than this.
_OTHER_FILES, _FILES, _LEAST = 256 + MOST_LISTENERS, 3, 64


class Worker(GunicornWorker):
    """Serves the application with ``threads`` threads. Its attribute ``admit``, if any, is ``site.Admit``."""

    #: The signals that came between the fork and ``init_signals``; ``post_fork`` sets it to the arbiter's.
    heard: "SimpleQueue[int]" = SimpleQueue()

    @classmethod
    def check_config(cls, cfg: Config, log: Any) -> None:
        """Ends the process when it is to speak what it does not."""
        if cfg.is_ssl or cfg.protocol != "http" or cfg.proxy_protocol != "off":
            spoken = "plain HTTP/1.1 alone, without TLS, uwsgi and the PROXY protocol"
            sys.exit(f"the gateway cannot start: this server speaks {spoken}; leave those options out")

    def init_process(self) -> None:
        """In the new process, up to its end."""
        self.threads = Threads(self.cfg.threads)
        self.loop = Loop(self._site(), self.sockets, self.threads.submit)
        super().init_process()

    def init_signals(self) -> None:
        """Takes over from the handlers that a fork inherits from the arbiter: these only queue a signal, in a copy that
        nobody reads, and the arbiter sends its own only once.
        """
        signal.pthread_sigmask(signal.SIG_BLOCK, STOPS)
        super().init_signals()
        told = {self.heard.get_nowait() for _ in range(self.heard.qsize())}.intersection(STOPS)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, STOPS)
        for number in told:
            signal.raise_signal(number)

    def handle_exit(self, sig: int, frame: Any) -> None:
        """SIGTERM: what is under way is ended well."""
        self.alive = False
        self.loop.stop()

    def run(self) -> None:
        """Until told to stop, or left alone."""
        self.loop.site.application = self.wsgi
        self.loop.site.admit = getattr(self.wsgi, "admit", admit_nobody)
        self.loop.run(self._beat)
        self.loop.finish(self.cfg.graceful_timeout, _LINGER, self._beat)
        for number in STOPS:  # it has stopped; another one changes nothing
            signal.signal(number, signal.SIG_IGN)
        self.threads.stop()
        self.loop.close()
        for each in self.sockets:
            each.close()

    def _beat(self) -> bool:
        """Tells the arbiter that we live; whether it does."""
        self.notify()
        return bool(os.getppid() == self.ppid)

    def _site(self) -> Site:
        limits = replace(Limits(), connections=_most_connections())
        return Site(self.cfg, _no_application, on_answer=self._note, limits=limits)

    def _note(self, answer: Answer) -> None:
        """In the access log, if there is one."""
        self.log.access(answer.response, answer.request, answer.environ, answer.age)


def _no_application(environ: Any, start_response: Any) -> Any:
    raise RuntimeError("the application is not loaded yet")


def _most_connections() -> int:
    """As many as ``Limits`` says, or as the system lets us have files."""
    most = Limits().connections
    wanted = most * _FILES + _OTHER_FILES
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return most if soft == resource.RLIM_INFINITY else max(_LEAST, min(most, (soft - _OTHER_FILES) // _FILES))
