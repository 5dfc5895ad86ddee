"""Whether work could be accepted now: tried on the server, leaving nothing there."""

import re
from functools import cache

from broker.engine.keys import Keys
from broker.engine.scripts import Script, library
from broker.engine.transitions import Client

#: What processes send themselves besides the commands of the scripts. (A test compares it with what they do send.)
SENT = (
    *("blpop", "exec", "expire", "fcall", "function delete", "function list", "function load", "hdel", "hexists"),
    *("hget", "hgetall", "hlen", "hmget", "hscan", "hset", "info", "lindex", "llen", "lrange", "mget", "multi"),
    *("ping", "pttl", "rename", "rpush", "scan", "scard", "select", "set", "sismember", "smembers", "srem", "sscan"),
    *("time", "type", "wait", "xinfo stream", "xlen", "xrange", "xread", "xrevrange", "zcard", "zcount", "zrange"),
    *("zrangebyscore", "zrem", "zrevrange", "zscan", "zscore"),
)


class Probe:
    """Tries one script as the server's user, under the real prefix."""

    def __init__(self, redis: Client, keys: Keys, *, clock: str = "clock") -> None:
        self._redis, self._keys = redis, keys
        self._script = Script("probe", clock=clock)

    def ask(self) -> None:
        """Raises what Redis raises where it would accept no task."""
        self._script(self._redis, prefix=self._keys.prefix, commands=())

    def denied(self) -> list[str]:
        """Commands that are needed and that the user may not run. Raises as ``ask`` does."""
        calls = {" ".join(_call(name, self._keys.probe())): name for name in needed()}
        return sorted(calls[each] for each in self._script(self._redis, prefix=self._keys.prefix, commands=[*calls]))


def _call(name: str, key: str) -> list[str]:
    """A call of it with arguments enough: some servers look for keys where there are none, and die of it."""
    if name == "xread":
        return [name, "streams", key, "0"]
    return [name, "_", "1", key] if name == "fcall" else [name, key, key, key]


@cache
def needed() -> list[str]:
    """Every command that is sent by any process or by a script, in lower case."""
    return sorted({*SENT, *(name.lower() for name in re.findall(r"call\('([A-Z]+)'", library()[1]))})
