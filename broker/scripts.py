"""Loads the Lua transitions: one file each, whose header comment is its contract.

A header names ``KEYS[n] name`` and ``ARGV[n] name`` (``ARGV[n..] name`` takes a list and comes last), what the script
``Returns`` and which states it ``Moves``. The names become Lua locals and Python keywords, so that order is written
once; ``-- @include name`` puts a file of ``lua/include`` before the body, each once.
"""

import re
from functools import cache
from importlib import resources
from typing import Any, Protocol

from redis.exceptions import NoScriptError, ResponseError

_PARAMETER = re.compile(r"^-- (KEYS|ARGV)\[(\d+)(\.\.)?\] +(\w+)", re.M)
_INCLUDE = re.compile(r"^-- @include (\w+)\n", re.M)
_MOVES = re.compile(r"^-- Moves (\w+) -> (\w+)", re.M)
_ROOT = resources.files("broker") / "lua"

#: Lets a script write when Redis is out of memory: what ends or moves work frees memory, so it must not be refused.
_ALLOW_OOM = "#!lua flags=allow-oom\n"


class _Client(Protocol):
    def evalsha(self, sha: str, numkeys: int, *keys_and_args: Any) -> Any: ...
    def script_load(self, script: str) -> Any: ...


@cache
def read(name: str) -> str:
    """The text of ``lua/<name>.lua`` as it stands in the file."""
    return (_ROOT / f"{name}.lua").read_text()


def moves(name: str) -> set[tuple[str, str]]:
    """The transitions that a script's header declares, ``none`` standing for a task that is not there."""
    return set(_MOVES.findall(read(name)))


def source(name: str, clock: str = "clock") -> str:
    """The whole program sent to Redis: includes, named parameters, body. ``clock`` names the include that tells time."""
    included: list[str] = []

    def include(text: str) -> None:
        for wanted in _INCLUDE.findall(text):
            part = clock if wanted == "clock" else wanted
            if part not in included:
                inner = read(f"include/{part}")
                include(inner)
                included.append(part)

    text = read(name)
    include(text)
    parts = [_INCLUDE.sub("", read(f"include/{part}")) for part in included]
    return "".join([_locals(text), *parts, _INCLUDE.sub("", text)])


def _locals(text: str) -> str:
    lines = []
    for kind, number, rest, name in _PARAMETER.findall(text):
        value = f"{{unpack({kind}, {number})}}" if rest else f"{kind}[{number}]"
        lines.append(f"local {name} = {value}\n")
    return "".join(lines)


class Script:
    """One transition, called by keyword. Wrong or missing names are a ``TypeError`` before Redis is asked."""

    def __init__(self, name: str, *, clock: str = "clock") -> None:
        text = read(name)
        parameters = _PARAMETER.findall(text)
        self.name = name
        self.keys = [each[3] for each in parameters if each[0] == "KEYS"]
        self.args = [each[3] for each in parameters if each[0] == "ARGV" and not each[2]]
        self.rest = next((each[3] for each in parameters if each[2]), None)
        self.source = source(name, clock)
        self._wanted = {*self.keys, *self.args, *([self.rest] if self.rest else [])}
        self._sha = ""

    def arguments(self, values: dict[str, Any]) -> list[Any]:
        """``values`` in the order of the header, keys first."""
        if values.keys() != self._wanted:
            raise TypeError(f"{self.name}.lua takes {sorted(self._wanted)}, got {sorted(values)}")
        ordered = [values[name] for name in (*self.keys, *self.args)]
        return ordered + list(values[self.rest]) if self.rest else ordered

    def __call__(self, client: _Client, **values: Any) -> Any:
        """Run on ``client``; loads the script again when the server has forgotten it."""
        arguments = self.arguments(values)
        try:
            if self._sha:
                return client.evalsha(self._sha, len(self.keys), *arguments)
        except NoScriptError:
            pass
        self._sha = self._load(client)
        return client.evalsha(self._sha, len(self.keys), *arguments)

    def _load(self, client: _Client) -> str:
        if self.name != "submit":  # new work is what a full server may refuse
            try:
                return str(client.script_load(_ALLOW_OOM + self.source))
            except ResponseError as error:
                if "#" not in str(error) and "compil" not in str(error).lower():
                    raise  # else a server older than Redis 7, to which the flags line is a syntax error
        return str(client.script_load(self.source))
