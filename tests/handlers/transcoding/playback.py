"""Decodes a whole rendition, segments in a row, as a player that never switches would."""

import io

import av
import numpy as np

from tests.handlers.transcoding.validator import Rendition


def _frames(rendition: Rendition) -> list[av.VideoFrame | av.AudioFrame]:
    with av.open(io.BytesIO(rendition.init + b"".join(rendition.parts)), format="mov") as file:
        return list(file.decode(file.streams[0]))


def pictures(rendition: Rendition) -> list[np.ndarray]:
    """Each frame as RGB, height x width x 3."""
    return [frame.to_ndarray(format="rgb24") for frame in _frames(rendition)]


def luma(rendition: Rendition) -> list[float]:
    """The mean luma of each frame, 16 (black) to 235 (white)."""
    return [float(frame.to_ndarray()[: frame.height].mean()) for frame in _frames(rendition)]


def loudness(rendition: Rendition) -> np.ndarray:
    """The amplitude of each sample of the first channel, 48,000 a second."""
    return np.abs(np.concatenate([frame.to_ndarray()[0] for frame in _frames(rendition)]))
