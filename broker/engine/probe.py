"""Whether work could be accepted now: tried on the server, leaving nothing there."""

from functools import cache

from broker.engine.keys import Keys
from broker.engine.rights import PROCESSES, commands
from broker.engine.scripts import Script
from broker.engine.transitions import Client


class Probe:
    """Tries one script as the server's user, under the real prefix."""

    def __init__(self, redis: Client, keys: Keys, *, clock: str = "clock") -> None:
        self._redis, self._keys = redis, keys
        self._script = Script("probe", clock=clock)

    def ask(self) -> None:
        """Raises what Redis raises where it would accept no task."""
        self._script(self._redis, prefix=self._keys.prefix, commands=())

    def denied(self, process: str = "") -> list[str]:
        """Commands that a process ('' for all) needs and that the user may not run. Raises as ``ask`` does."""
        names = [each for each in (commands(process) if process else needed()) if each[0] not in "+-@"]
        calls = {" ".join(_call(name.replace("|", " "), self._keys.probe())): name for name in names}
        return sorted(calls[each] for each in self._script(self._redis, prefix=self._keys.prefix, commands=[*calls]))


def _call(name: str, key: str) -> list[str]:
    """A call of it with arguments enough: some servers look for keys where there are none, and die of it."""
    if name == "xread":
        return [name, "streams", key, "0"]
    return [name, "_", "1", key] if name in ("fcall", "eval", "evalsha") else [name, key, key, key]


@cache
def needed() -> list[str]:
    """Every command that is sent by any process of ours or by a script, in lower case."""
    ours = (name for process, rights in PROCESSES.items() if rights.scripts for name in commands(process))
    return sorted(set(ours))
