"""Reads the weights that torch's older ``torch.save`` has written, without torch.

Such a file is five pickles, of which the fourth is a dictionary of tensors, each a view of a storage that it names, and
behind them the storages (torch/serialization.py, ``_legacy_load``). Only these names are followed, so nothing that a
pickle could call runs.
"""

import pickle
from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

#: How numbers of a storage are written.
_TYPES = {"FloatStorage": "<f4", "LongStorage": "<i8"}


class _View(tuple[Any, ...]):
    """(key of its storage, type), offset, size, stride, ..."""


class _Weights(pickle.Unpickler):
    def persistent_load(self, pid: Any) -> tuple[str, str]:
        """Of ("storage", type, key, ...)."""
        return pid[2], pid[1]

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("collections", "OrderedDict"):
            return OrderedDict
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return lambda *view: _View(view)
        if module == "torch" and name in _TYPES:
            return _TYPES[name]
        raise pickle.UnpicklingError(f"{module}.{name} has no place in a file of weights")


def read(path: Path) -> Mapping[str, NDArray[Any]]:
    """The arrays by name. Raises ``ValueError`` for what is no such file."""
    try:
        with path.open("rb") as file:
            for _ in range(3):  # what it is, its version, the machine that wrote it
                _Weights(file).load()
            views = _Weights(file).load()
            types = {view[0][0]: view[0][1] for view in views.values()}
            storages = {key: _storage(file, types[key]) for key in _Weights(file).load()}
    except (pickle.UnpicklingError, EOFError, KeyError, IndexError, TypeError, AttributeError) as error:
        raise ValueError(f"{path} has no weights that can be read: {error}") from error
    return {name: _array(storages[view[0][0]], *view[1:4]) for name, view in views.items()}


def _storage(file: IO[bytes], kind: str) -> NDArray[Any]:
    count = int.from_bytes(file.read(8), "little")
    return np.frombuffer(file.read(count * np.dtype(kind).itemsize), kind, count)


def _array(storage: NDArray[Any], offset: int, size: tuple[int, ...], stride: tuple[int, ...]) -> NDArray[Any]:
    strides = [step * storage.itemsize for step in stride]
    return np.lib.stride_tricks.as_strided(storage[offset:], size, strides, writeable=False)
