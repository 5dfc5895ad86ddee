"""Small pictures of pictures and of moments of videos, drawn in the decoder."""

import io
from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

from av.video.frame import VideoFrame
from PIL import Image

from handlers.media.opening import recording
from handlers.media.pictures import eight_bits, picture, reduce, turn_upright
from handlers.media.tracks import video_track
from handlers.plugins.moments import frame_at, length

Drawn = dict[str, Any]
#: Pixels that are decoded for each pixel of the longest side that is drawn: enough for a fine reduction.
_FINE = 2


def of_picture(path: str, sizes: Sequence[int], ending: str) -> Iterator[Drawn]:
    """``{"number", "time_seconds", "size", "width", "height", "data"}`` for each size. Raises ``PermanentError``."""
    with picture(Path(path)) as image:
        reduce(image, _FINE * max(sizes) / max(image.size))
        turn_upright(image)
        yield from _drawn(0, None, eight_bits(image), sizes, ending)


def of_video(path: str, times: Sequence[float], sizes: Sequence[int], ending: str) -> Iterator[Drawn]:
    """As ``of_picture``, for each of the moments."""
    for number, (image, seconds) in enumerate(moments(Path(path), times)):
        yield from _drawn(number, seconds, image, sizes, ending)


def _drawn(
    number: int, seconds: float | None, image: Image.Image, sizes: Sequence[int], ending: str
) -> Iterator[Drawn]:
    for size in sizes:
        small = shrink(image, size)
        about = {"number": number, "time_seconds": seconds, "size": size, "width": small.width, "height": small.height}
        yield {**about, "data": encode(small, ending)}


def moments(path: Path, times: Sequence[float]) -> Iterator[tuple[Image.Image, float]]:
    """The frames that a video shows at these seconds (or at a tenth of its length), and the seconds they begin at.

    A time past the end has the last frame. Raises ``PermanentError`` for a file without pictures.
    """
    with recording(path) as container:
        stream = video_track(container)
        for moment in times or [length(container) / 10]:
            frame, begins = frame_at(path, container, stream, moment)
            yield _image(frame, stream.sample_aspect_ratio or Fraction(1)), round(begins, 3)


def _image(frame: VideoFrame, aspect: Fraction) -> Image.Image:
    """As it is to be seen: upright, with square pixels. ``aspect`` is a pixel's width by its height."""
    image: Image.Image = frame.to_image()
    if aspect != 1 and Fraction(1, 4) <= aspect <= 4:
        image = image.resize((max(1, round(image.width * aspect)), image.height))
    return image.rotate(frame.rotation, expand=True) if frame.rotation else image


def shrink(image: Image.Image, size: int) -> Image.Image:
    """``image``, or a copy whose longer side has ``size`` pixels."""
    scale = size / max(image.size)
    if scale >= 1:
        return image
    small = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    return image.resize(small, Image.Resampling.LANCZOS, reducing_gap=3.0)


def encode(image: Image.Image, ending: str) -> bytes:
    """The bytes of a ``jpg``, with white behind what is transparent, or of a ``png``."""
    if ending == "jpg" and image.mode == "RGBA":
        page = Image.new("RGB", image.size, "white")
        page.paste(image, mask=image.getchannel("A"))
        image = page
    out = io.BytesIO()
    image.save(out, "JPEG" if ending == "jpg" else "PNG", quality=85, optimize=True)
    return out.getvalue()
