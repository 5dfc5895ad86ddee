"""Loads the Lua transitions: one file each, whose header comment is its contract.

A header names ``KEYS[n] name`` and ``ARGV[n] name`` (``ARGV[n..] name`` takes a list and comes last), what the script
``Returns`` and which states it ``Moves``. The names become Lua locals and Python keywords, so that order is written
once (what is called most runs with arguments in that order); ``-- @include name`` puts a file of ``lua/include``, or a
table of `broker.engine.shared_tables`, before the body, each once.

``-- Begins run w e`` in a header says that the script ends the run of the parameters ``w`` (its worker) and ``e`` (its
execution), as ``begin_run`` wants to know.

On the server all scripts are one function library, named by the hash of its text: what they share is built when the
library is loaded instead of at every call (measured: a third less of Redis' time for each), and processes of two
releases work side by side. A server without functions gets each script by EVALSHA.
"""

import hashlib
import re
from collections.abc import Sequence
from functools import cache
from importlib import resources
from operator import itemgetter
from typing import Any, Protocol

from redis import Redis
from redis.exceptions import NoPermissionError, NoScriptError, OutOfMemoryError, ResponseError

from broker.engine.shared_tables import TABLES
from broker.status import Status

_PARAMETER = re.compile(r"^-- (KEYS|ARGV)\[(\d+)(\.\.)?\] +(\w+)", re.M)
_INCLUDE = re.compile(r"^-- @include (\w+)\n", re.M)
_RUN = re.compile(r"^-- Begins run (\w+) (\w+)$", re.M)
_MOVES = re.compile(r"^-- Moves (\w+) -> (\w+)", re.M)
_ROOT = resources.files("broker.engine") / "lua"

#: How the names of our function libraries begin.
LIBRARIES = "mindia_"

#: What a full Redis may refuse, and what asks whether it would. All others end or move work, which frees memory.
_REFUSABLE = ("submit", "submit_many", "create_upload", "probe")


class _Client(Protocol):
    def fcall(self, function: str, numkeys: int, *keys_and_args: Any) -> Any: ...
    def function_load(self, code: str, replace: bool | None = False) -> Any: ...
    def eval(self, script: str, numkeys: int, *keys_and_args: Any) -> Any: ...
    def evalsha(self, sha: str, numkeys: int, *keys_and_args: Any) -> Any: ...
    def script_load(self, script: str) -> Any: ...


@cache
def read(name: str) -> str:
    """The text of ``lua/<name>.lua`` as it stands in the file, or of an include that is made of Python's tables."""
    made = TABLES.get(name.removeprefix("include/"))
    return made() if made else (_ROOT / f"{name}.lua").read_text()


def names() -> list[str]:
    """All scripts."""
    return sorted(each.name.removesuffix(".lua") for each in _ROOT.iterdir() if each.name.endswith(".lua"))


def moves(name: str) -> set[tuple[str, str]]:
    """The transitions that a script's header declares, ``none`` standing for a task that is not there.

    ``any`` as a source stands for every status but the target.
    """
    declared = _MOVES.findall(read(name))
    return {(each, target) for source, target in declared for each in (Status if source == "any" else [source])
            if each != target}  # fmt: skip


def source(name: str, clock: str = "clock") -> str:
    """One script as a program of its own, for EVAL. ``clock`` names the include that tells time."""
    return _includes([name], clock) + _body(name)


@cache
def library(clock: str = "clock") -> tuple[str, str]:
    """(name, text) of the function library that holds all scripts."""
    text = _text(clock)
    title = f"{LIBRARIES}{hashlib.sha256(text.encode()).hexdigest()[:12]}"
    return title, _titled(title, text)


def library_for_tests() -> str:
    """The same scripts under the same name, on a clock that can be stopped: for a server that belongs to a test."""
    return _titled(library()[0], _text("clock_stopped"))


def _text(clock: str) -> str:
    return _includes(names(), clock) + "COUNT.kept = true\n" + "".join(_registration(name) for name in names())


def _titled(title: str, text: str) -> str:
    return f"#!lua name={title}\n{text.replace('TITLE_', title + '_')}"


def several_releases(client: "Redis") -> bool:
    """Whether another release's scripts may run beside ours: its library is loaded, or who asks may not know."""
    try:
        return len(client.function_list(library=f"{LIBRARIES}*")) > 1
    except ResponseError as error:
        return not _unknown(error)


def _registration(name: str) -> str:
    flags = "" if name in _REFUSABLE else "'allow-oom'"
    head = f"redis.register_function{{function_name='TITLE_{name}', flags={{{flags}}}, callback=function(KEYS, ARGV)"
    return f"{head}\n{_body(name)}\nend}}\n"


def _includes(wanted: list[str], clock: str) -> str:
    included: list[str] = []

    def include(text: str) -> None:
        for name in _INCLUDE.findall(text):
            part = clock if name == "clock" else name
            if part not in included:
                include(read(f"include/{part}"))
                included.append(part)

    for name in wanted:
        include(read(name))
    return "".join(_INCLUDE.sub("", read(f"include/{part}")) for part in included)


def _body(name: str) -> str:
    text = read(name)
    lines = [_beginning(text)] if _INCLUDE.search(text) else []
    for kind, number, rest, parameter in _PARAMETER.findall(text):
        if rest:  # unpack() could not take more than a few thousand
            copy = f"for i = {number}, #{kind} do {parameter}[i - {int(number) - 1}] = {kind}[i] end"
            lines.append(f"local {parameter} = {{}}\n{copy}\n")
        else:
            lines.append(f"local {parameter} = {kind}[{number}]\n")
    return "".join(lines) + _INCLUDE.sub("", text)


def _beginning(text: str) -> str:
    run = _RUN.search(text)
    if not run:
        return "begin(KEYS[1])\n"
    numbers = {parameter: number for kind, number, _, parameter in _PARAMETER.findall(text) if kind == "ARGV"}
    return f"local granted = begin_run(KEYS[1], ARGV[{numbers[run[1]]}], ARGV[{numbers[run[2]]}])\n"


class Script:
    """One script, called by keyword. Wrong or missing names are a ``TypeError`` before Redis is asked."""

    def __init__(self, name: str, *, clock: str = "clock") -> None:
        parameters = _PARAMETER.findall(read(name))
        self.name = name
        self.keys = [each[3] for each in parameters if each[0] == "KEYS"]
        self.args = [each[3] for each in parameters if each[0] == "ARGV" and not each[2]]
        self.rest = next((each[3] for each in parameters if each[2]), None)
        self._clock = clock
        self._wanted = [*self.keys, *self.args, *([self.rest] if self.rest else [])]
        self._in_order = itemgetter(*self._wanted)
        self._function = f"{library(clock)[0]}_{name}"
        #: Set once the server has turned out to know no functions.
        self._sha = ""

    def arguments(self, values: dict[str, Any]) -> tuple[Any, ...]:
        """``values`` in the order of the header, keys first."""
        try:
            arguments = self._in_order(values) if len(self._wanted) > 1 else (values[self._wanted[0]],)
        except KeyError:
            arguments = None
        if arguments is None or len(values) != len(arguments):
            raise TypeError(f"{self.name}.lua takes {sorted(self._wanted)}, got {sorted(values)}")
        return (*arguments[:-1], *arguments[-1]) if self.rest else arguments

    def __call__(self, client: _Client, **values: Any) -> Any:
        """Run on ``client``; loads what the server does not have (any more)."""
        return self.run(client, self.arguments(values))

    def run(self, client: _Client, arguments: tuple[Any, ...]) -> Any:
        """As a call, with all arguments in the order of the header, keys first, and a list spread out."""
        if self._sha:
            return self._evaluate(client, arguments)
        try:
            return client.fcall(self._function, len(self.keys), *arguments)
        except ResponseError as error:
            if "unction not found" not in str(error) and not _unsupported(error):
                raise
        try:
            client.function_load(library(self._clock)[1], replace=True)
        except OutOfMemoryError:  # a full server takes no library, but lets scripts end work
            flags = "" if self.name in _REFUSABLE else "#!lua flags=allow-oom\n"
            return client.eval(flags + source(self.name, self._clock), len(self.keys), *arguments)
        except ResponseError as error:
            if not _unsupported(error):
                raise
            return self._evaluate(client, arguments)
        return client.fcall(self._function, len(self.keys), *arguments)

    def run_each(self, client: _Client, calls: Sequence[tuple[Any, ...]]) -> list[Any]:
        """As ``run`` of each, in one round trip where the client can. All may be repeated after an error."""
        run_each = getattr(client, "run_each", None)
        if self._sha or run_each is None or not calls:
            return [self.run(client, each) for each in calls]
        answers = run_each([("FCALL", self._function, len(self.keys), *each) for each in calls])
        return [
            self.run(client, each) if isinstance(answer, Exception) else answer
            for each, answer in zip(calls, answers, strict=True)
        ]

    def _evaluate(self, client: _Client, arguments: tuple[Any, ...]) -> Any:
        """For a server that knows no functions, or does not let this user load them."""
        try:
            if self._sha:
                return client.evalsha(self._sha, len(self.keys), *arguments)
        except NoScriptError:
            pass
        self._sha = str(client.script_load(source(self.name, self._clock)))
        return client.evalsha(self._sha, len(self.keys), *arguments)


def _unsupported(error: ResponseError) -> bool:
    return isinstance(error, NoPermissionError) or _unknown(error)


def _unknown(error: ResponseError) -> bool:
    return "unknown command" in str(error).lower()
