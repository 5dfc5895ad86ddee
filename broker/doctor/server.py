"""The release check: refuses a Redis that would lose tasks, warns of one that might."""

from typing import Any

from redis import RedisError

from broker.broker import Broker
from broker.config import BrokerSettings
from broker.errors import TaskBrokerError


def check(broker: Broker) -> int:
    """Prints what it finds; returns the exit status, 1 when the configuration must not be used."""
    try:
        broker.ping()
        refused, warnings = findings(broker.settings, broker.redis.info())
    except (TaskBrokerError, RedisError) as error:
        print(f"refused: {error}")
        return 1
    for line in warnings:
        print(f"warning: {line}")
    for line in refused:
        print(f"refused: {line}")
    if not refused:
        print("ok")
    return 1 if refused else 0


def findings(settings: BrokerSettings, info: dict[str, Any]) -> tuple[list[str], list[str]]:
    """(reasons to refuse, warnings) about a server that says ``info`` of itself."""
    refused: list[str] = []
    warnings: list[str] = []
    policy = info.get("maxmemory_policy", "noeviction")
    if policy != "noeviction":
        refused.append(f"maxmemory-policy is {policy}: a full server would throw tasks away; set it to noeviction")
    if not info.get("aof_enabled"):
        text = "the append-only file is off (appendonly no): a restart of the server loses tasks"
        (refused if settings.durability == "fsync" else warnings).append(text)
    if int(str(info.get("redis_version", "0")).split(".")[0]) < 7:
        refused.append(f"server version {info.get('redis_version')} is too old: Redis 7 or Valkey 7.2 is needed")
    if info.get("cluster_enabled") and not ("{" in settings.key_prefix and "}" in settings.key_prefix):
        refused.append("the server is a cluster: set RQ_KEY_PREFIX to a hash tag such as {tasks}")
    return refused, warnings
