"""What each process asks of Redis: the least that a user of its own has to be granted (``python -m broker acl``)."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from broker.engine.scripts import names, source

#: What every client sends, and every process: to connect, to call scripts, to load them where they are missing.
_COMMON = (
    *("client|setinfo", "client|setname", "eval", "evalsha", "exec", "expire", "fcall", "function|load", "get"),
    *("hget", "hgetall", "hmget", "info", "multi", "ping", "script|load", "select", "time"),
)
_SUBMITTING = ("set", "wait", "waitaof")
_OF_WORKERS = (
    *("claim", "claim_more", "finish", "fail", "postpone", "release", "renew", "remember"),
    *("share_work", "take_part", "end_part"),
    *("register_worker", "unregister_worker", "note_early"),
    *("declare", "submit_linked", "put_vectors", "delete_vectors", "changed_vectors", "note_source"),
)
_OF_OPERATORS = ("check_caps", "check_places", "repair_place", "repair_surroundings")
#: Keys of RQ that rq-dashboard shows and changes.
_OF_RQ = (
    *("queues", "queue:*", "job:*", "results:*", "workers", "workers:*", "worker:*", "wip:*", "finished:*", "failed:*"),
    *("scheduled:*", "canceled:*", "deferred:*", "execution:*", "executions:*", "suspended", "clean_registries:*"),
)


@dataclass(frozen=True)
class Rights:
    """Of one process: the scripts that it calls, what it sends besides, and the keys under its prefix (``P``)."""

    scripts: tuple[str, ...]
    sends: tuple[str, ...]
    keys: tuple[str, ...] = ("~P", "~P:*")


def _all_but(*left_out: str) -> tuple[str, ...]:
    return tuple(name for name in names() if name not in left_out)


#: By the names of the Procfile; ``broker`` is the daemon, and whoever calls ``check``, ``doctor``, ``keys``, ``adopt``.
PROCESSES: dict[str, Rights] = {
    "web": Rights(
        _all_but(*_OF_WORKERS[:13], *_OF_OPERATORS, "reap", "prune", "prune_flows", "reconcile", "remove_gone"),
        (
            *(
                "blpop",
                "exists",
                "function|list",
                "hdel",
                "hexists",
                "hlen",
                "hscan",
                "hset",
                "hstrlen",
                "lindex",
                "llen",
                "lpop",
            ),
            *("lrange", "mget", "pttl", "rpush", "scard", "sismember", "smembers", "srem", "xinfo|stream", "xlen"),
            *("xadd", "xrange", "xread", "xrevrange", "zcard", "zcount", "zrange", "zrangebyscore", "zrank", "zrem"),
            *("lpush", "lrem", "zrevrange", "zrevrangebyscore", "zscan", "zscore", *_SUBMITTING),
        ),
    ),
    "broker": Rights(
        names(),  # type: ignore[arg-type]
        (
            *("exists", "function|delete", "function|list", "hdel", "hexists", "hkeys", "hlen", "hscan", "hset"),
            *("hstrlen", "lindex", "llen", "lpush", "lrange", "ltrim", "mget", "rename", "rpush", "sadd", "scan"),
            *("scard", "sismember", "smembers", "srem", "sscan", "type", "xadd", "xinfo|stream", "xlen", "xrange"),
            *("xrevrange", "zcard", "zcount", "zrange", "zrangebyscore", "zrank", "zrem", "zrevrange"),
            *("zrevrangebyscore", "zscan", "zscore", *_SUBMITTING),
        ),
    ),
    "worker": Rights(
        _OF_WORKERS,
        (
            *("blpop", "exists", "hexists", "hscan", "hset", "pttl", "rpush", "smembers", "xrevrange", "zcard"),
            *("zrange", "zrevrange", *_SUBMITTING),
        ),
    ),
    "search": Rights(
        ("changed_vectors",),
        (
            *("blpop", "hexists", "hlen", "hscan", "lpop", "pttl", "rpush", "set", "smembers", "xrange", "xrevrange"),
            *("zcard", "zrevrange"),
        ),
        (
            "~P",
            "~P:broker:search*",
            *(f"%R~P:broker:{each}" for each in ("life", "media:*", "vector*", "generation*", "tenants")),
        ),
    ),
    "dashboard": Rights(
        (),
        (
            *("@read", "@write", "@transaction", "-@dangerous", "+info", "+keys", "publish"),
            *("evalsha", "script|load", "client|list"),
        ),
        (*(f"~P:{each}" for each in _OF_RQ), "%R~P:broker:media:*"),
    ),
}


@cache
def called(script: str) -> frozenset[str]:
    """The commands that a script calls, in lower case."""
    return frozenset(name.lower() for name in re.findall(r"call\('([A-Z]+)'", source(script)))


@cache
def commands(process: str) -> tuple[str, ...]:
    """All commands that a process needs, in ACL's spelling; of one that calls no scripts in the order of its line."""
    rights = PROCESSES[process]
    if not rights.scripts:
        return (*_COMMON, *rights.sends)
    return tuple(sorted({*_COMMON, *rights.sends, *(name for each in rights.scripts for name in called(each))}))


def acl(prefix: str) -> Iterator[tuple[str, str]]:
    """(process, the words of ``ACL SETUSER`` after user and password) of each."""
    for process, rights in PROCESSES.items():
        keys = [re.sub(r"~P(?=:|$)", lambda _: f"~{prefix}", each) for each in rights.keys]
        words = [each if each[0] in "+-" else f"+{each}" for each in commands(process)]
        yield process, " ".join([*keys, "-@all", *words])
