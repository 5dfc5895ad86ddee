"""Opens media that strangers sent, as what their first bytes say they are and within bounds, or refuses in one line."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import av
from av.container import InputContainer
from PIL import Image, ImageOps

from broker.errors import PermanentError
from broker.media.sniff import HEAD_BYTES, sniff
from handlers.transcoding.source import INPUT_OPTIONS

#: What uploads are recognised as; nothing else is given to a decoder.
_FORMATS = ("JPEG", "PNG", "GIF", "WEBP", "AVIF")
_BROKEN_PICTURE = "This file cannot be read as a picture: it is damaged, or too large."


@contextmanager
def recording(path: Path) -> Iterator[InputContainer]:
    """A video or audio file. What goes wrong while it is read is a ``PermanentError`` too."""
    with path.open("rb") as file:
        found = sniff(file.read(HEAD_BYTES))
    if found is None or found.demuxer is None:
        raise PermanentError("This is no video or audio file of a kind that can be read.")
    try:
        with av.open(str(path), format=found.demuxer, options=INPUT_OPTIONS) as container:
            yield container
    except av.FFmpegError as error:
        raise PermanentError(f"This file is damaged or cut off ({error.strerror}).") from error


@contextmanager
def picture(path: Path) -> Iterator[Image.Image]:
    """A picture, not decoded yet. What goes wrong while it is read is a ``PermanentError`` too."""
    with path.open("rb") as file, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        try:
            with Image.open(file, formats=_FORMATS) as image:
                yield image
        except (MemoryError, PermanentError):
            raise
        except Exception as error:  # decoders fail in many ways on bytes that are not theirs
            raise PermanentError(_BROKEN_PICTURE) from error


def upright(image: Image.Image) -> Image.Image:
    """The picture as it is to be seen, its EXIF orientation applied."""
    return ImageOps.exif_transpose(image)
