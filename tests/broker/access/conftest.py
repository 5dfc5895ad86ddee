"""Keys on a real server, and a clock of the process that judges them."""

import pytest
from redis import Redis

from broker.access.api_keys import ApiKeys
from broker.access.audit_log import AuditLog
from broker.actor import Actor
from broker.clock import Clock
from broker.engine.keys import Keys
from broker.engine.script_connection_pool import ScriptConnectionPool

HOUR = 3600 * 1_000_000
#: Who makes the changes.
OPS = Actor("API_KEYS:1", "ops", "request-7")


class MovableClock(Clock):
    """Real time, and so much later as a test wants."""

    ahead_us = 0

    def now_us(self) -> int:
        return super().now_us() + self.ahead_us


@pytest.fixture
def clock() -> MovableClock:
    return MovableClock()


@pytest.fixture
def api_keys(redis: Redis, keys: Keys, clock: MovableClock) -> ApiKeys:
    return ApiKeys(ScriptConnectionPool(redis), keys, clock)


@pytest.fixture
def log(redis: Redis, keys: Keys) -> AuditLog:
    return AuditLog(redis, keys)
