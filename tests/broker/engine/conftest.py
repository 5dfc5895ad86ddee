"""The store's tests run twice: on the session's real server and on fakeredis, the loader's way without functions."""

from collections.abc import Iterator

import pytest
from fakeredis import FakeStrictRedis
from redis import Redis

from broker.engine.keys import Keys
from tests.broker.engine.engine import Engine


@pytest.fixture(params=["valkey", "fakeredis"])
def redis(request: pytest.FixtureRequest) -> Iterator[Redis]:
    """A client that answers text, on an empty server."""
    if request.param == "fakeredis":
        yield FakeStrictRedis(version=(6, 2), decode_responses=True)
        return
    with Redis.from_url(request.getfixturevalue("redis_url"), decode_responses=True) as client:
        yield client


@pytest.fixture
def engine(redis: Redis, keys: Keys) -> Engine:
    """The type ``Noop`` is declared, without limits."""
    engine = Engine(redis, keys)
    engine.declare()
    return engine
