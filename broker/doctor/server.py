"""The release check: tries the server as a task would, and refuses one that would lose tasks, a storage that cannot be
used, and a release that would fail tasks which wait.
"""

import time
from collections.abc import Iterator
from typing import Any

from redis import RedisError

from broker.broker import Broker
from broker.config import BrokerSettings
from broker.doctor.cause import cause
from broker.engine.refusals import OPERATORS_PATIENCE, unavailable
from broker.errors import TaskBrokerError
from broker.tasks.durability import demanded
from broker.tasks.waiting_payloads import refused_payloads

#: Exit statuses: it must not be used; it cannot be reached, or takes no work at the moment, and may do so later.
REFUSED, NOT_NOW = 1, 3
#: Seconds by which this machine's clock may differ from the server's. The gateway ends keys and links by its own.
_SKEW = 2.0
#: Parts of its memory that a server may use before somebody is told; without a limit, of the machine's.
_FULL, _FULL_MACHINE = 0.8, 0.5
#: Seconds of silence after which a replica is said not to follow.
_LAG = 10


def check(broker: Broker, process: str = "") -> int:
    """Prints what it finds for a process' user ('' for one that may do everything); returns the exit status."""
    absent = _not_now(broker)
    wrong, risks = ([absent], []) if absent else server_findings(broker, process)
    stored = storage_findings(broker)
    payloads = [] if wrong else payload_findings(broker)
    refused = [*wrong, *risks, *stored, *payloads]
    lines = [f"refused: {line}" for line in refused]
    lines += [] if absent else [f"warning: {line}" for line in server_warnings(broker)]
    print("\n".join([*lines] if refused else [*lines, "ok"]))
    if absent and not stored:
        return NOT_NOW
    return REFUSED if refused else 0


def never(broker: Broker) -> str:
    """What only a person can change about a server that does answer, such as a wrong password or node; else ''."""
    try:
        broker.probe.ask()
    except RedisError as error:
        told = unavailable(error)
        if told and told.extra["retry_after"] >= OPERATORS_PATIENCE:
            return cause(broker.settings, error)
    return ""


def _not_now(broker: Broker) -> str:
    """Why no task would be taken, if that may be over later without anybody's doing; else ''."""
    try:
        broker.probe.ask()
    except RedisError as error:
        told = unavailable(error)
        if told and told.extra["retry_after"] < OPERATORS_PATIENCE:
            return cause(broker.settings, error) + _replica_of(broker)
    return ""


def _replica_of(broker: Broker) -> str:
    """Whose replica a server is that can only be read; '' of any other."""
    try:
        info = broker.redis.info("replication")
    except RedisError:
        return ""
    if info.get("role") != "slave":
        return ""
    return f"; it is a replica of {info['master_host']}:{info['master_port']}: point REDIS_URL at what is written to"


def storage_findings(broker: Broker) -> list[str]:
    """Why media cannot be stored, if so."""
    try:
        broker.storage.check(thoroughly=True)
    except TaskBrokerError as error:
        where = broker.settings.storage_url or f"the folder media in DATA_DIR={str(broker.settings.data_dir)!r}"
        return [f"{where}: {error.message} ({error.__cause__})"]
    return []


def payload_findings(broker: Broker) -> list[str]:
    """Of which types tasks wait that this release would not understand."""
    return [str(each) for each in refused_payloads(broker.redis, broker.keys, broker.types)]


def server_findings(broker: Broker, process: str = "") -> tuple[list[str], list[str]]:
    """(what is wrong, what a restart would lose), from a script run under the real prefix and from what it tells."""
    wrong: list[str] = []
    risks: list[str] = []
    try:
        if denied := broker.probe.denied(process):
            wrong.append(f"the user may not run {', '.join(denied)}: python -m broker acl has the line to grant it")
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
    fsync, replicas = demanded(settings.durability)
    policy = info.get("maxmemory_policy", "noeviction")
    if policy != "noeviction":
        refused.append(f"maxmemory-policy is {policy}: a full server would throw tasks away; set it to noeviction")
    if not info.get("aof_enabled"):
        text = "the append-only file is off (appendonly no): a restart of the server loses tasks"
        (refused if fsync else risks).append(text)
    if int(str(info.get("redis_version", "0")).split(".")[0]) < 7:
        refused.append(f"server version {info.get('redis_version')} is too old: Redis 7 or Valkey 7.2 is needed")
    if info.get("cluster_enabled") and not ("{" in settings.key_prefix and "}" in settings.key_prefix):
        refused.append("the server is a cluster: set RQ_KEY_PREFIX to a hash tag such as {tasks}")
    if replicas and "min_slaves_good_slaves" not in info:
        risks.append(
            f"min-replicas-to-write is 0: a server that has lost its replicas goes on accepting what a fail-over "
            f"forgets; set it to {replicas}"
        )
    return refused, risks


def server_warnings(broker: Broker) -> list[str]:
    """What is to be looked at before it becomes wrong."""
    try:
        before = time.time()
        seconds, microseconds = broker.redis.time()
        skew = seconds + microseconds / 1e6 - (before + time.time()) / 2
        return list(warnings(broker.settings, broker.redis.info(), skew))
    except (TaskBrokerError, RedisError):  # it is told already
        return []


def warnings(settings: BrokerSettings, info: dict[str, Any], skew: float) -> Iterator[str]:
    """What a server says of itself (``info``) that may come to harm; its clock is ``skew`` seconds ahead of ours."""
    if abs(skew) > _SKEW:
        where = "ahead of" if skew > 0 else "behind"
        yield (
            f"the server's clock is {abs(skew):.0f} s {where} this machine's: keys and links end by the latter, tasks "
            f"are due by the former; have both kept by NTP"
        )
    yield from _memory(info)
    for name, what in (("aof_last_write_status", "written"), ("aof_last_bgrewrite_status", "rewritten")):
        if info.get(name, "ok") != "ok":
            yield f"the append-only file was not {what} the last time ({name}): look at the server's log and its disk"
    replicas = [each for name, each in info.items() if name.startswith("slave") and isinstance(each, dict)]
    behind = [each for each in replicas if each.get("state") != "online" or each.get("lag", 0) > _LAG]
    for each in behind:
        yield f"the replica {each.get('ip')}:{each.get('port')} does not follow ({each.get('state')})"
    wanted = demanded(settings.durability)[1]
    if wanted and len(replicas) - len(behind) == wanted:
        yield f"{wanted} replicas have to confirm and no more are there: with one of them gone nothing is accepted"


def _memory(info: dict[str, Any]) -> Iterator[str]:
    used, limit, machine = (int(info.get(name) or 0) for name in ("used_memory", "maxmemory", "total_system_memory"))
    if limit and used > _FULL * limit:
        yield (
            f"{used / limit:.0%} of maxmemory are used ({used / 2**20:.0f} of {limit / 2**20:.0f} MiB): a full server "
            f"takes no new tasks; raise it, or keep ended tasks for fewer RETENTION_DAYS"
        )
    if not limit and machine and used > _FULL_MACHINE * machine:
        yield (
            f"the server has no maxmemory and uses {used / machine:.0%} of its machine's memory: the system kills it "
            f"when there is no more; set maxmemory, and see that a copy of the data has room beside it"
        )
