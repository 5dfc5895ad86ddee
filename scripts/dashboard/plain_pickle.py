"""Unpickling without a way to run code: plain values are loaded, everything that names a class or function is refused.

RQ and the dashboard unpickle a job's call, result and metadata wherever they show one, so whoever can write to Redis
could run code in this process. Our own jobs carry one constant call, which consists of plain values.
"""

import io
import pickle
from typing import Any, NoReturn

import rq.job
from rq.serializers import DefaultSerializer


class Refused(pickle.UnpicklingError):
    """The pickle names something that would be imported."""


class _Plain(pickle.Unpickler):
    """A pickle reaches classes and functions through these two only (pickle's documentation, "Restricting Globals")."""

    def find_class(self, module: str, name: str) -> NoReturn:
        raise Refused(f"a record names {module}.{name}, which is not loaded here")

    def persistent_load(self, pid: Any) -> NoReturn:
        raise Refused("a record refers to an object outside itself")


def loads(data: bytes) -> Any:
    """The plain value in a pickle. Raises ``Refused``."""
    return _Plain(io.BytesIO(data)).load()


def install() -> None:
    """Has all of RQ in this process load pickles with `loads`, and import nothing that a record names."""
    DefaultSerializer.loads = staticmethod(loads)
    rq.job.import_attribute = _refuse_import  # type: ignore[attr-defined]


def _refuse_import(name: str) -> NoReturn:
    raise Refused(f"a record names {name}, which is not loaded here")
