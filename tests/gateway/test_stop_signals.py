"""The signals that stop a gateway's process, at moments that a real one meets only by chance."""

import logging
import os
import signal
from collections.abc import Iterator
from queue import SimpleQueue
from types import SimpleNamespace
from typing import Any

import pytest
from gunicorn.config import Config

from gateway.current import EXTENSION
from gateway.server.worker import STOPS, Worker
from scripts import web_server


@pytest.fixture(autouse=True)
def handlers() -> Iterator[None]:
    """The ones of this process are put back, whatever gunicorn sets."""
    numbers = {*STOPS, *Worker.SIGNALS, signal.SIGWINCH, signal.SIGUSR1, signal.SIGABRT}
    before = {number: signal.getsignal(number) for number in numbers}
    yield
    signal.set_wakeup_fd(-1)
    for number, handler in before.items():
        signal.signal(number, handler)


class Told:
    """Counts how often it is told to stop, and is told again meanwhile."""

    def __init__(self, *again: signal.Signals) -> None:
        self.again = again
        self.times = 0

    def stop(self) -> None:
        self.times += 1
        for number in self.again:
            signal.raise_signal(number)


def test_a_signal_that_comes_again_while_it_is_handled_is_handled_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(web_server, "Declare", lambda queues: None)
    monkeypatch.setattr(web_server, "run", lambda chores, stopping: None)
    handled: list[int] = []
    for number in STOPS:
        signal.signal(number, lambda number, frame: handled.append(number))
    hub, live = Told(signal.SIGTERM, signal.SIGINT), Told(signal.SIGTERM)
    services = SimpleNamespace(hub=hub, broker=SimpleNamespace(live=live, queues=None))
    web_server.post_worker_init(SimpleNamespace(wsgi=SimpleNamespace(extensions={EXTENSION: services})))
    signal.raise_signal(signal.SIGTERM)
    assert (hub.times, live.times) == (1, 1)
    assert sorted(handled) == [signal.SIGINT, signal.SIGTERM]


def test_a_signal_that_came_before_a_new_worker_had_handlers_is_not_lost() -> None:
    loop: Any = Told()
    worker = Worker(1, os.getpid(), [], None, 30, Config(), logging.getLogger("gunicorn.error"))
    worker.PIPE = os.pipe2(os.O_NONBLOCK)
    worker.loop = loop
    queue: SimpleQueue[int] = SimpleQueue()
    for number in (signal.SIGHUP, signal.SIGTERM):
        queue.put(number)
    web_server.post_fork(SimpleNamespace(SIG_QUEUE=queue), worker)
    worker.init_signals()
    worker.tmp.close()
    assert loop.times == 1
    assert not worker.alive
