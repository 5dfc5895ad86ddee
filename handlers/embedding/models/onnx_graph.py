"""Writes neural networks in ONNX's format (https://onnx.ai/onnx/repo-docs/IR.html), as far as it is needed here.

ONNX is Protocol Buffers; the field numbers are those of onnx.proto. Written here, because the package that has them is
as large as what it would write.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

#: Version of the format, and of its operators.
_IR, _OPSET = 8, 13
#: TensorProto.DataType.
_FLOAT, _UINT8, _INT8, _INT32, _HALF = 1, 2, 3, 6, 10
#: AttributeProto.AttributeType.
_IS_INT, _IS_INTS = 2, 7


class Graph:
    """Nodes in the order of their work. Values are known by names."""

    def __init__(self) -> None:
        self._nodes: list[bytes] = []
        self._weights: list[bytes] = []

    def weight(self, value: NDArray[np.float32]) -> str:
        """The name of a constant."""
        name = f"w{len(self._weights)}"
        dims = b"".join(_int(1, size) for size in value.shape)
        data = np.ascontiguousarray(value, "<f4").tobytes()
        self._weights.append(dims + _int(2, _FLOAT) + _bytes(8, name.encode()) + _bytes(9, data))
        return name

    def node(self, operator: str, inputs: Sequence[str], **attributes: int | Sequence[int]) -> str:
        """The name of what an operator makes of ``inputs``."""
        name = f"n{len(self._nodes)}"
        self._nodes.append(
            b"".join(_bytes(1, each.encode()) for each in inputs)
            + _bytes(2, name.encode())
            + _bytes(4, operator.encode())
            + b"".join(_bytes(5, _attribute(*each)) for each in attributes.items())
        )
        return name

    def model(self, given: str, shape: Sequence[int], made: str, made_shape: Sequence[int]) -> bytes:
        """The network from ``given`` to ``made``: float32 of these shapes, behind any number of them at once."""
        graph = (
            b"".join(_bytes(1, each) for each in self._nodes)
            + _bytes(2, b"network")
            + b"".join(_bytes(5, each) for each in self._weights)
            + _bytes(11, _value(given, shape))
            + _bytes(12, _value(made, made_shape))
        )
        return _model(graph)


def integer_product(rows: str, columns: str) -> bytes:
    """A model that multiplies two matrices of any sizes: ``rows`` of uint8 with ``columns`` of int8, in int32."""
    node = _bytes(1, rows.encode()) + _bytes(1, columns.encode()) + _bytes(2, b"made") + _bytes(4, b"MatMulInteger")
    return _model(
        _bytes(1, node)
        + _bytes(2, b"product")
        + _bytes(11, _typed(rows, _UINT8, ["many", "inner"]))
        + _bytes(11, _typed(columns, _INT8, ["inner", "few"]))
        + _bytes(12, _typed("made", _INT32, ["many", "few"]))
    )


def single_precision(rows: str) -> bytes:
    """A model that gives a matrix of float16 in float32."""
    node = _bytes(1, rows.encode()) + _bytes(2, b"made") + _bytes(4, b"Cast") + _bytes(5, _attribute("to", _FLOAT))
    shape = ["many", "inner"]
    return _model(
        _bytes(1, node)
        + _bytes(2, b"cast")
        + _bytes(11, _typed(rows, _HALF, shape))
        + _bytes(12, _typed("made", _FLOAT, shape))
    )


def _model(graph: bytes) -> bytes:
    return _int(1, _IR) + _bytes(7, graph) + _bytes(8, _bytes(1, b"") + _int(2, _OPSET))


def _attribute(name: str, value: int | Sequence[int]) -> bytes:
    if isinstance(value, int):
        return _bytes(1, name.encode()) + _int(3, value) + _int(20, _IS_INT)
    return _bytes(1, name.encode()) + b"".join(_int(8, each) for each in value) + _int(20, _IS_INTS)


def _value(name: str, shape: Sequence[int]) -> bytes:
    return _typed(name, _FLOAT, ["many", *shape])


def _typed(name: str, data_type: int, shape: Sequence[int | str]) -> bytes:
    sizes = [_int(1, size) if isinstance(size, int) else _bytes(2, size.encode()) for size in shape]
    tensor = _int(1, data_type) + _bytes(2, b"".join(_bytes(1, size) for size in sizes))
    return _bytes(1, name.encode()) + _bytes(2, _bytes(1, tensor))


def _int(field: int, value: int) -> bytes:
    return _varint(field << 3) + _varint(value)


def _bytes(field: int, value: bytes) -> bytes:
    return _varint(field << 3 | 2) + _varint(len(value)) + value


def _varint(value: int) -> bytes:
    """Seven bits a byte, the lowest first; the eighth says that there are more."""
    digits = bytearray()
    while value > 0x7F:
        digits.append(value & 0x7F | 0x80)
        value >>= 7
    digits.append(value)
    return bytes(digits)
