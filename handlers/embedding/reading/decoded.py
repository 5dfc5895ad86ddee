"""Media of strangers as the encoder wants it: decoded outside this process; pictures small, opaque, upright."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from PIL import Image

from handlers.embedding.reading.documents.read import raw_sections
from handlers.embedding.reading.documents.section import Section
from handlers.media.bounds import DOCUMENT, PAGE, PICTURE, RECORDING
from handlers.media.decoding import decode, decode_one

_PICTURE = "handlers.embedding.reading.picture:raw_picture"
_FRAMES = "handlers.embedding.reading.video:raw_frames"
_LEGIBLE = "handlers.embedding.reading.legible:raw_picture"
_LEGIBLE_FRAMES = "handlers.embedding.reading.legible:raw_frames"
_PAGE = "handlers.embedding.reading.documents.drawn:raw_page"
_SECTIONS = "handlers.embedding.reading.documents.read:raw_sections"
_SOUND = "handlers.embedding.reading.sound:describe"
#: Plain text that needs no decoder, and bytes of it.
_PLAIN, _SHORT = "text/plain", 65_536


def read_picture(path: Path, seconds: float) -> Image.Image:
    """As ``picture.read_picture``, within the seconds that the task has left."""
    return _image(decode_one(_PICTURE, str(path), limits=PICTURE, seconds=seconds))


def read_frames(path: Path, seconds: float) -> list[tuple[float, Image.Image]]:
    """As ``video.read_frames``, within the seconds that the task has left."""
    return [(at, _image(raw)) for at, *raw in decode(_FRAMES, str(path), limits=RECORDING, seconds=seconds)]


def read_legible(path: Path, seconds: float) -> Image.Image:
    """As ``legible.raw_picture``, within the seconds that the task has left."""
    return _image(decode_one(_LEGIBLE, str(path), limits=PICTURE, seconds=seconds))


def read_legible_frames(path: Path, at: list[float], seconds: float) -> Iterator[tuple[float, Image.Image]]:
    """As ``legible.raw_frames``, one after the other, within the seconds that the task has left."""
    for moment, *raw in decode(_LEGIBLE_FRAMES, str(path), at, limits=RECORDING, seconds=seconds):
        yield moment, _image(raw)


def read_sections(path: Path, content_type: str, seconds: float) -> list[Section]:
    """The text of a document of this type, within the seconds that the task has left.

    A short plain text is read here: Python's own codecs, which read every request as well, need no bounds for it, and
    the way to the decoder and back takes ten times as long.
    """
    if content_type == _PLAIN and path.stat().st_size <= _SHORT:
        return [Section(*each) for each in raw_sections(str(path), content_type)]
    raw = decode(_SECTIONS, str(path), content_type, limits=DOCUMENT, seconds=seconds)
    return [Section(*each) for each in raw]


def read_page(path: Path, number: int, seconds: float) -> Image.Image | None:
    """As ``documents.drawn.raw_page``, within the seconds that the task has left."""
    raw = decode_one(_PAGE, str(path), number, limits=PAGE, seconds=seconds)
    return None if raw is None else _image(raw)


def describe_sound(path: Path, seconds: float) -> dict[str, Any]:
    """As ``sound.describe``, within the seconds that the task has left."""
    told: dict[str, Any] = decode_one(_SOUND, str(path), limits=RECORDING, seconds=seconds)
    return told


def _image(raw: Any) -> Image.Image:
    width, height, data = raw
    return Image.frombytes("RGB", (width, height), data)
