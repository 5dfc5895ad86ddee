"""Receivers and a post office for the tests of webhooks."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest
from redis import Redis

from broker.engine.keys import Keys
from tests.broker.engine.engine import Engine
from tests.broker.webhooks.post_office import PostOffice
from tests.broker.webhooks.receiver import Receiver, running


@pytest.fixture
def new_receiver() -> Iterator[Callable[[], Receiver]]:
    with ExitStack() as stack:
        yield lambda: stack.enter_context(running())


@pytest.fixture
def receiver(new_receiver: Callable[[], Receiver]) -> Receiver:
    return new_receiver()


@pytest.fixture
def engine(redis: Redis, keys: Keys) -> Engine:
    engine = Engine(redis, keys)
    engine.declare()
    return engine


@pytest.fixture
def office(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> PostOffice:
    return PostOffice(engine, monkeypatch)
