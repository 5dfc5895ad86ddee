"""The store on a clock that the test turns; see ``tests/broker/engine``."""

from tests.broker.engine.conftest import engine, redis

__all__ = ["engine", "redis"]
