"""The release check: tries the server as a task would, and refuses one that would lose tasks, and a storage that cannot
be used.
"""

from typing import Any

from redis import RedisError

from broker.broker import Broker
from broker.config import BrokerSettings
from broker.doctor.cause import cause
from broker.errors import TaskBrokerError


def check(broker: Broker) -> int:
    """Prints what it finds; returns the exit status, 1 when the configuration must not be used."""
    wrong, risks = server_findings(broker)
    refused = [*wrong, *risks, *storage_findings(broker)]
    print("\n".join(f"refused: {line}" for line in refused) or "ok")
    return 1 if refused else 0


def storage_findings(broker: Broker) -> list[str]:
    """Why media cannot be stored, if so."""
    try:
        broker.storage.check(thoroughly=True)
    except TaskBrokerError as error:
        where = broker.settings.storage_url or f"the folder media in DATA_DIR={str(broker.settings.data_dir)!r}"
        return [f"{where}: {error.message} ({error.__cause__})"]
    return []


def server_findings(broker: Broker) -> tuple[list[str], list[str]]:
    """(what is wrong, what a restart would lose), from a script run under the real prefix and from what it tells."""
    wrong: list[str] = []
    risks: list[str] = []
    try:
        if denied := broker.probe.denied():
            wrong.append(f"the user may not run {', '.join(denied)}: the README has the line to grant it")
        told, risks = findings(broker.settings, broker.redis.info())
        wrong += told
        if not wrong:
            broker.tasks.durability.check()
    except (TaskBrokerError, RedisError) as error:
        wrong.append(cause(broker.settings, error))
    return wrong, risks


def findings(settings: BrokerSettings, info: dict[str, Any]) -> tuple[list[str], list[str]]:
    """(what is wrong, what a restart would lose) about a server that says ``info`` of itself."""
    refused: list[str] = []
    risks: list[str] = []
    policy = info.get("maxmemory_policy", "noeviction")
    if policy != "noeviction":
        refused.append(f"maxmemory-policy is {policy}: a full server would throw tasks away; set it to noeviction")
    if not info.get("aof_enabled"):
        text = "the append-only file is off (appendonly no): a restart of the server loses tasks"
        (refused if settings.durability == "fsync" else risks).append(text)
    if int(str(info.get("redis_version", "0")).split(".")[0]) < 7:
        refused.append(f"server version {info.get('redis_version')} is too old: Redis 7 or Valkey 7.2 is needed")
    if info.get("cluster_enabled") and not ("{" in settings.key_prefix and "}" in settings.key_prefix):
        refused.append("the server is a cluster: set RQ_KEY_PREFIX to a hash tag such as {tasks}")
    if settings.durability.startswith("replicas:") and "min_slaves_good_slaves" not in info:
        number = settings.durability.partition(":")[2]
        risks.append(
            f"min-replicas-to-write is 0: a server that has lost its replicas goes on accepting what a fail-over "
            f"forgets; set it to {number}"
        )
    return refused, risks
