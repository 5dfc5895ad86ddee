"""Pictures as vectors among texts, without an image-text model: by the labels that a classifier sees in them.

The vector is the mean of the labels' text vectors, weighted by their probabilities (ConSE: M. Norouzi et al.,
"Zero-Shot Learning by Convex Combination of Semantic Embeddings", 2013), less what these have in common (J. Mu,
P. Viswanath, "All-but-the-Top", 2018). Temperature, number of labels and views are those that measured best on
photographs.
"""

from collections.abc import Callable, Sequence
from importlib import import_module

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from handlers.embedding.models.labels import LabelTable
from handlers.embedding.models.lite0 import SIDE, Lite0
from handlers.embedding.models.recipe import CENTRED, TEMPERATURE, TOP_LABELS, VIEWS
from handlers.embedding.unit import unit

#: ImageNet's customary centre crop keeps 7/8 of the short side.
_CROP_FROM = round(SIDE / 0.875)
#: Labels that are told of a picture at most, each at least a fifth as likely as the first.
_TOLD, _TOLD_FROM = 3, 5

#: (pictures, 3, 224, 224), scaled to -1..1, to (pictures, 1000) logits.
Network = Callable[[NDArray[np.float32]], NDArray[np.float32]]


def classifier(device: str = "cpu") -> Network:
    """Of pictures: ONNX Runtime, which takes a third of torch's time on a core; on a GPU torch."""
    return Lite0() if device == "cpu" else import_module("handlers.embedding.models.lite0_torch").Lite0(device)


class LabelVectors:
    """Vectors of pictures in the space of the label table."""

    def __init__(
        self,
        table: LabelTable,
        network: Network,
        temperature: float = TEMPERATURE,
        top: int = TOP_LABELS,
        views: Sequence[str] = VIEWS,
        centred: bool = CENTRED,
    ) -> None:
        """By the recipe, unless another one is to be measured."""
        self._table, self._network = table, network
        self._vectors = table.differences if centred else table.rows
        self._temperature, self._top, self._views = temperature, top, views

    def __call__(self, pictures: Sequence[Image.Image]) -> tuple[NDArray[np.float32], list[str]]:
        """(pictures, dimensions), rows L2-normalised; and the labels that count most in each, with commas between."""
        seen = [self._look(picture) for picture in pictures]
        return np.stack([vector for vector, _ in seen]), [labels for _, labels in seen]

    def _look(self, picture: Image.Image) -> tuple[NDArray[np.float32], str]:
        probabilities = self._probabilities(picture)
        top = np.argsort(probabilities)[-self._top :]
        told = [each for each in top[::-1][:_TOLD] if probabilities[each] >= probabilities[top[-1]] / _TOLD_FROM]
        return unit(probabilities[top] @ self._vectors(top)), ", ".join(map(self._table.name, told))

    def _probabilities(self, picture: Image.Image) -> NDArray[np.float32]:
        batch = np.stack([np.asarray(_VIEWS[name](picture), np.float32) for name in self._views])
        scaled = np.ascontiguousarray(((batch - 127.0) / 128.0).transpose(0, 3, 1, 2), np.float32)
        logits = self._network(scaled) / self._temperature
        views = np.exp(logits - logits.max(axis=1, keepdims=True))
        probabilities: NDArray[np.float32] = (views / views.sum(axis=1, keepdims=True)).mean(axis=0)
        return probabilities


def _centre(picture: Image.Image) -> Image.Image:
    centre = ImageOps.fit(picture, (_CROP_FROM, _CROP_FROM), Image.Resampling.BICUBIC)
    margin = (_CROP_FROM - SIDE) // 2
    return centre.crop((margin, margin, margin + SIDE, margin + SIDE))


#: (224, 224) pixels each.
_VIEWS: dict[str, Callable[[Image.Image], Image.Image]] = {
    "centre": _centre,
    "mirrored": lambda picture: ImageOps.mirror(_centre(picture)),
    "squeezed": lambda picture: picture.resize((SIDE, SIDE), Image.Resampling.BICUBIC),
    "bordered": lambda picture: ImageOps.pad(picture, (SIDE, SIDE), Image.Resampling.BICUBIC, color="gray"),
}
