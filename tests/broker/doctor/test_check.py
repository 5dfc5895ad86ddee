"""Guards the release check: what would lose tasks is refused, what might is warned of, both with what to do."""

from typing import Any

import pytest

from broker.config import BrokerSettings
from broker.doctor.server import findings

GOOD: dict[str, Any] = {
    "redis_version": "7.2.4",
    "maxmemory_policy": "noeviction",
    "aof_enabled": 1,
    "cluster_enabled": 0,
}
PLAIN = BrokerSettings(redis_url="")


def test_a_good_server_passes_without_a_word() -> None:
    assert findings(PLAIN, GOOD) == ([], [])


@pytest.mark.parametrize("policy", ["allkeys-lru", "volatile-ttl", "allkeys-random"])
def test_a_server_that_may_throw_tasks_away_is_refused(policy: str) -> None:
    refused, _ = findings(PLAIN, GOOD | {"maxmemory_policy": policy})
    assert refused == [f"maxmemory-policy is {policy}: a full server would throw tasks away; set it to noeviction"]


def test_without_a_file_a_restart_loses_tasks() -> None:
    info = GOOD | {"aof_enabled": 0}
    assert "append-only" in findings(PLAIN, info)[1][0]
    assert "append-only" in findings(BrokerSettings("", durability="fsync"), info)[0][0]


@pytest.mark.parametrize("version", ["6.2.14", "5.0", None])
def test_an_old_server_is_refused(version: str | None) -> None:
    refused, _ = findings(PLAIN, GOOD | {"redis_version": version} if version else {**GOOD, "redis_version": "0"})
    assert "too old" in refused[0]


def test_a_cluster_needs_a_hash_tag() -> None:
    info = GOOD | {"cluster_enabled": 1}
    assert "RQ_KEY_PREFIX" in findings(PLAIN, info)[0][0]
    assert findings(BrokerSettings("", key_prefix="{tasks}"), info) == ([], [])


def test_a_provider_that_tells_little_is_given_the_benefit_of_the_doubt() -> None:
    assert findings(PLAIN, {"redis_version": "7.4.0", "aof_enabled": 1}) == ([], [])
