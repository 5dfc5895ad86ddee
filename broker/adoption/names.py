"""What a job of RQ calls, read without loading it; and which of it may be loaded where it is to run."""

import io
import json
import pickle
import pickletools
import zlib
from collections.abc import Collection
from typing import Any

#: Values of the standard library that programs pass to each other, and whose making does nothing else.
_HARMLESS = {
    *("datetime.datetime", "datetime.date", "datetime.time", "datetime.timedelta", "datetime.timezone"),
    *("decimal.Decimal", "fractions.Fraction", "uuid.UUID", "collections.OrderedDict", "collections.deque"),
    *("pathlib.Path", "pathlib.PosixPath", "pathlib.PurePosixPath", "zoneinfo.ZoneInfo._unpickle"),
    *("builtins.set", "builtins.frozenset", "builtins.bytearray", "builtins.complex", "builtins.range"),
}


#: Bytes of unpacked data that a name is looked for in: data of a few kilobytes may unpack to gigabytes.
_READ = 16 * 1024 * 1024


class NotAllowed(Exception):
    """A job names what is not in the list."""


def function_name(data: bytes) -> str:
    """The function that a job's ``data`` names, ``?`` where that cannot be told. It may lie: it is for people."""
    try:
        plain = _unpacked(data)
        if plain[:1] == b"[":
            return str(json.loads(plain)[0])
        for opcode, argument, _ in pickletools.genops(plain):
            if "UNICODE" in opcode.name or opcode.name in ("STRING", "BINSTRING", "SHORT_BINSTRING"):
                return str(argument)
    except (ValueError, TypeError, IndexError, RecursionError):
        pass
    return "?"


def _unpacked(data: bytes) -> bytes:
    """RQ compresses what it stores. The first bytes, where it is very long."""
    try:
        return zlib.decompressobj().decompress(data, _READ)
    except zlib.error:
        return data


def allowed(name: str, names: Collection[str]) -> bool:
    """Whether a dotted name is in a list in which ``package.*`` stands for all below a package."""
    return name in names or any(each.endswith(".*") and name.startswith(each[:-1]) for each in names)


class Loader:
    """A serializer for RQ that loads plain values, harmless ones of the standard library, and what is in a list."""

    def __init__(self, names: Collection[str]) -> None:
        self._names = names
        self.__qualname__ = type(self).__qualname__  # RQ takes a serializer for a class or a module

    def dumps(self, value: Any) -> bytes:
        return pickle.dumps(value, protocol=pickle.HIGHEST_PROTOCOL)

    def loads(self, data: bytes) -> Any:
        """Raises ``NotAllowed``."""
        return json.loads(data) if data[:1] == b"[" else _Unpickler(data, self._names).load()


class _Unpickler(pickle.Unpickler):
    def __init__(self, data: bytes, names: Collection[str]) -> None:
        super().__init__(io.BytesIO(data))
        self._names = names

    def find_class(self, module: str, name: str) -> Any:
        full = f"{module}.{name}"
        if full not in _HARMLESS and not allowed(full, self._names):
            raise NotAllowed(f"{full} is not in ADOPT_RQ_FUNCTIONS")
        return super().find_class(module, name)

    def persistent_load(self, pid: Any) -> Any:
        raise NotAllowed("the job refers to an object outside itself")
