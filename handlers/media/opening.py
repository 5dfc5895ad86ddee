"""Opens media that strangers sent, as what their first bytes say they are and within bounds, or refuses in one line.

Only the decoder imports this, see ``decoding``.
"""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import av
from av.container import InputContainer
from PIL import Image
from pillow_heif import register_heif_opener

from broker.errors import PermanentError
from broker.media.sniff import HEAD_BYTES, sniff
from handlers.media.bounds import INPUT_OPTIONS, MAX_JPEG_PIXELS, MAX_PICTURE_PIXELS, MAX_PIXELS

#: Pillow's own guard, which it would otherwise set to its own measure.
Image.MAX_IMAGE_PIXELS = MAX_JPEG_PIXELS
register_heif_opener(thumbnails=False)
#: What uploads are recognised as; nothing else is given to a decoder.
_FORMATS = ("JPEG", "PNG", "GIF", "WEBP", "AVIF", "HEIF")
#: An MPO is a JPEG with others behind it.
_JPEG = frozenset({"JPEG", "MPO"})
_NO_RECORDING = "This file cannot be read as a video or as sound:"
_BROKEN_PICTURE = (
    "This file cannot be read as a picture: it is damaged, or none of JPEG, PNG, GIF, WebP, AVIF and HEIC."
)


def open_as(path: str, demuxer: str) -> InputContainer:
    """A video or audio file, to be closed by the caller. Raises ``av.FFmpegError``.

    What it says about itself is text of any encoding, so what is not UTF-8 is replaced.
    """
    container = av.open(path, format=demuxer, options=INPUT_OPTIONS, metadata_errors="replace")
    for stream in container.streams.video:
        if stream.codec_context:  # the options above bound the look at the file, not what is decoded later
            stream.codec_context.options = {"max_pixels": str(MAX_PIXELS)}
    return container


@contextmanager
def recording(path: Path) -> Iterator[InputContainer]:
    """A video or audio file. What goes wrong while it is read is a ``PermanentError`` too."""
    with path.open("rb") as file:
        found = sniff(file.read(HEAD_BYTES))
    if found is None or found.demuxer is None:
        raise PermanentError(f"{_NO_RECORDING} it is of no kind that is supported.")
    try:
        with open_as(str(path), found.demuxer) as container:
            yield container
    except MemoryError:
        raise
    except av.FFmpegError as error:
        raise PermanentError(f"{_NO_RECORDING} it is damaged or cut off ({error.strerror}).") from error


@contextmanager
def picture(path: Path) -> Iterator[Image.Image]:
    """A picture, not decoded yet. What goes wrong while it is read is a ``PermanentError`` too."""
    with path.open("rb") as file, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        try:
            with Image.open(file, formats=_FORMATS) as image:
                _check_size(image)
                yield image
        except (MemoryError, PermanentError):
            raise
        except (Image.DecompressionBombWarning, Image.DecompressionBombError) as error:
            raise _too_large(MAX_JPEG_PIXELS) from error
        except Exception as error:  # decoders fail in many ways on bytes that are not theirs
            raise PermanentError(_BROKEN_PICTURE) from error


def _check_size(image: Image.Image) -> None:
    most = MAX_JPEG_PIXELS if image.format in _JPEG else MAX_PICTURE_PIXELS
    if image.width * image.height > most:
        raise _too_large(most)


def _too_large(most: int) -> PermanentError:
    return PermanentError(f"This picture has more than {most // 1_000_000} million pixels.")
