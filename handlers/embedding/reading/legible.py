"""Pictures of strangers so large that what is written in them can be read, in the decoder."""

from collections.abc import Iterator
from math import sqrt
from pathlib import Path

from PIL import Image

from handlers.embedding.reading.picture import Raw, opaque, raw
from handlers.embedding.reading.video import frames_at
from handlers.media.pictures import eight_bits, picture, reduce, turn_upright

#: Pixels that are kept: of a page of paper, 1,300 x 1,900, in which letters of the size of footnotes are 15 high.
MOST_PIXELS = 2_500_000


def raw_picture(path: str) -> Raw:
    """The picture upright and opaque, with at most 2.5 million pixels. Raises ``PermanentError``."""
    with picture(Path(path)) as image:
        reduce(image, _scale(image))
        turn_upright(image)
        return raw(opaque(_fitting(eight_bits(image))))


def raw_frames(path: str, seconds: list[float]) -> Iterator[tuple[float, *Raw]]:
    """The frames of a video that ``video.read_frames`` has chosen at these seconds, as large."""
    for frame in frames_at(Path(path), seconds):
        yield frame.at, *raw(_fitting(frame.image))


def _scale(image: Image.Image) -> float:
    return min(1.0, sqrt(MOST_PIXELS / (image.width * image.height)))


def _fitting(image: Image.Image) -> Image.Image:
    scale = _scale(image)
    if scale == 1.0:
        return image
    size = max(1, int(image.width * scale)), max(1, int(image.height * scale))
    return image.resize(size, Image.Resampling.BICUBIC, reducing_gap=2.0)
