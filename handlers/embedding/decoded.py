"""Pictures and videos of strangers as the encoder wants them: decoded outside this process, small, opaque, upright."""

from pathlib import Path
from typing import Any

from PIL import Image

from handlers.media.bounds import PICTURE, RECORDING
from handlers.media.decoding import decode, decode_one

_PICTURE, _FRAMES = "handlers.embedding.picture:raw_picture", "handlers.embedding.video:raw_frames"


def read_picture(path: Path, seconds: float) -> Image.Image:
    """As ``picture.read_picture``, within the seconds that the task has left."""
    return _image(decode_one(_PICTURE, str(path), limits=PICTURE, seconds=seconds))


def read_frames(path: Path, seconds: float) -> list[Image.Image]:
    """As ``video.read_frames``, within the seconds that the task has left."""
    return [_image(raw) for raw in decode(_FRAMES, str(path), limits=RECORDING, seconds=seconds)]


def _image(raw: Any) -> Image.Image:
    width, height, data = raw
    return Image.frombytes("RGB", (width, height), data)
