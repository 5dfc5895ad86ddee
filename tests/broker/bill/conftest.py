"""The store on a clock that the test turns; see ``tests/broker/engine``."""

import pytest
from redis import Redis

from broker.engine.keys import Keys
from tests.broker.engine.engine import Engine


@pytest.fixture
def engine(redis: Redis, keys: Keys) -> Engine:
    """The type ``Noop`` is declared, without limits."""
    engine = Engine(redis, keys)
    engine.declare()
    return engine
