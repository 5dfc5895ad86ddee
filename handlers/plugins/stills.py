"""Small pictures of pictures and of moments of videos, drawn in the decoder."""

import io
from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
from av.container import InputContainer
from av.video.frame import VideoFrame
from PIL import Image

from broker.errors import PermanentError
from handlers.media.bounds import MAX_PIXELS
from handlers.media.opening import picture, recording
from handlers.media.pictures import upright
from handlers.media.tracks import frames, video_track

Drawn = dict[str, Any]


def of_picture(path: str, sizes: Sequence[int], ending: str) -> Iterator[Drawn]:
    """``{"number", "time_seconds", "size", "width", "height", "data"}`` for each size. Raises ``PermanentError``."""
    with picture(Path(path)) as image:
        yield from _drawn(0, None, upright(image), sizes, ending)


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
        length = (container.duration or 0) / av.time_base
        for seconds in times or [length / 10]:
            frame, begins = _frame_at(container, stream, seconds)
            yield _image(frame, stream.sample_aspect_ratio or Fraction(1)), round(begins, 3)


def _frame_at(container: InputContainer, stream: av.VideoStream, seconds: float) -> tuple[VideoFrame, float]:
    """The last frame that begins at or before the time, decoded from the key frame before it."""
    origin = float((stream.start_time or 0) * (stream.time_base or 0))
    container.seek(int((origin + seconds) * av.time_base), backward=True)
    found = None
    for frame in frames(container, stream):
        begins = (frame.time or 0) - origin
        if found and begins > seconds + 1e-6:
            break
        found = frame, max(0.0, begins)
    if found is None:
        raise PermanentError(
            f"This file has no picture that can be decoded (at most {MAX_PIXELS // 10**6} megapixels)."
        )
    return found


def _image(frame: VideoFrame, aspect: Fraction) -> Image.Image:
    """As it is to be seen: upright, with square pixels. ``aspect`` is a pixel's width by its height."""
    image: Image.Image = frame.to_image()
    if aspect != 1 and Fraction(1, 4) <= aspect <= 4:
        image = image.resize((max(1, round(image.width * aspect)), image.height))
    return image.rotate(frame.rotation, expand=True) if frame.rotation else image


def shrink(image: Image.Image, size: int) -> Image.Image:
    """A copy whose longer side has at most ``size`` pixels."""
    small = image.convert("RGBA" if image.has_transparency_data else "RGB")
    small.thumbnail((size, size), Image.Resampling.LANCZOS)
    return small


def encode(image: Image.Image, ending: str) -> bytes:
    """The bytes of a ``jpg``, with white behind what is transparent, or of a ``png``."""
    if ending == "jpg" and image.mode == "RGBA":
        page = Image.new("RGB", image.size, "white")
        page.paste(image, mask=image.getchannel("A"))
        image = page
    out = io.BytesIO()
    image.save(out, "JPEG" if ending == "jpg" else "PNG", quality=85, optimize=True)
    return out.getvalue()
