"""Guards the release check: what would lose tasks is refused, what might is warned of, both with what to do."""

from typing import Any

import pytest

from broker.config import BrokerSettings
from broker.doctor.server import findings, warnings

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


def warned(info: dict[str, Any], skew: float = 0.0, durability: str = "everysec") -> list[str]:
    return list(warnings(BrokerSettings("", durability=durability), GOOD | info, skew))


def test_what_may_come_to_harm_is_warned_of() -> None:
    assert warned({}) == []
    (line,) = warned({"used_memory": 900 * 2**20, "maxmemory": 1000 * 2**20})
    assert line.startswith("90% of maxmemory are used (900 of 1000 MiB)")
    (line,) = warned({"used_memory": 6 * 2**30, "maxmemory": 0, "total_system_memory": 10 * 2**30})
    assert line.startswith("the server has no maxmemory and uses 60% of its machine's memory")
    assert warned({"used_memory": 6 * 2**30, "maxmemory": 10 * 2**30, "total_system_memory": 10 * 2**30}) == []
    assert "aof_last_write_status" in warned({"aof_last_write_status": "err"})[0]
    assert "aof_last_bgrewrite_status" in warned({"aof_last_bgrewrite_status": "err"})[0]


@pytest.mark.parametrize(("skew", "words"), [(3.4, "3 s ahead of"), (-7.0, "7 s behind")])
def test_clocks_that_differ_are_told(skew: float, words: str) -> None:
    assert f"the server's clock is {words} this machine's" in warned({}, skew)[0]
    assert warned({}, skew / 10) == []


def test_replicas_that_do_not_follow_and_too_few_are_told() -> None:
    good = {"ip": "10.0.0.2", "port": 6379, "state": "online", "offset": 1, "lag": 0}
    assert warned({"slave0": good}) == []
    assert "the replica 10.0.0.2:6379 does not follow (online)" in warned({"slave0": good | {"lag": 60}})[0]
    assert "does not follow (wait_bgsave)" in warned({"slave0": good | {"state": "wait_bgsave"}})[0]
    assert "1 replicas have to confirm and no more are there" in warned({"slave0": good}, 0, "replicas:1")[0]
    assert warned({"slave0": good, "slave1": good}, 0, "fsync+replicas:1") == []
