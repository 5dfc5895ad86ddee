"""Opens pictures of strangers, within bounds: decoded no larger than they are wanted, and as they are to be seen.

Only the decoder imports this, see ``decoding``.
"""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from PIL import Image, ImageOps
from PIL.ExifTags import Base
from pillow_heif import register_heif_opener

from broker.errors import PermanentError
from handlers.media.bounds import MAX_JPEG_PIXELS, MAX_PICTURE_PIXELS
from handlers.media.heif import DESCRIPTION, claimed_pixels

#: Pillow's own guard, which it would otherwise set to its own measure.
Image.MAX_IMAGE_PIXELS = MAX_JPEG_PIXELS
register_heif_opener(thumbnails=False)
#: What uploads are recognised as; nothing else is given to a decoder.
_FORMATS = ("JPEG", "PNG", "GIF", "WEBP", "AVIF", "HEIF")
#: An MPO is a JPEG with others behind it.
_JPEG = frozenset({"JPEG", "MPO"})
#: How a JPEG begins.
_SOI = b"\xff\xd8"
#: Bytes that tell how large a WebP is.
_CANVAS = 30
_BROKEN = "This file cannot be read as a picture: it is damaged, or none of JPEG, PNG, GIF, WebP, AVIF and HEIC."
#: EXIF's orientations of pictures that lie on their side.
_LYING = frozenset({5, 6, 7, 8})


@contextmanager
def picture(path: Path) -> Iterator[Image.Image]:
    """A picture, not decoded yet. What goes wrong while it is read is a ``PermanentError`` too."""
    with path.open("rb") as file, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        try:
            head = file.read(_CANVAS)
            _check_canvas(head)
            file.seek(0)
            with Image.open(file, formats=_FORMATS) as image:
                _check_size(image)
                yield image
        except (MemoryError, PermanentError):
            raise
        except (Image.DecompressionBombWarning, Image.DecompressionBombError) as error:
            raise _too_large(MAX_JPEG_PIXELS if head.startswith(_SOI) else MAX_PICTURE_PIXELS) from error
        except Exception as error:  # decoders fail in many ways on bytes that are not theirs
            file.seek(0)
            if claimed_pixels(file.read(DESCRIPTION)) > MAX_PICTURE_PIXELS:
                raise _too_large(MAX_PICTURE_PIXELS) from error
            raise PermanentError(_BROKEN) from error


def turn_upright(image: Image.Image) -> None:
    """Apply its EXIF orientation."""
    ImageOps.exif_transpose(image, in_place=True)


def upright_size(image: Image.Image) -> tuple[int, int]:
    """Width and height when it is upright, without decoding anything."""
    lying = image.getexif().get(Base.Orientation) in _LYING
    return (image.height, image.width) if lying else image.size


def reduce(image: Image.Image, scale: float) -> None:
    """Have a JPEG decoded at a half, a quarter or an eighth of its size where that is at least ``scale`` (0..1) of it.

    Raises ``PermanentError`` for what would still be too large to be decoded whole.
    """
    image.draft(None, (max(1, round(image.width * scale)), max(1, round(image.height * scale))))
    if image.width * image.height > MAX_PICTURE_PIXELS:
        raise _too_large(MAX_PICTURE_PIXELS)


def eight_bits(image: Image.Image) -> Image.Image:
    """As RGB, or as RGBA where something is transparent."""
    if image.mode.startswith("I"):  # sixteen bits of grey, which Pillow's own conversion would cut at 255
        return _grey(image)
    mode = "RGBA" if image.has_transparency_data else "RGB"
    return image if image.mode == mode else image.convert(mode)


def _grey(image: Image.Image) -> Image.Image:
    import numpy as np  # noqa: PLC0415  # takes as long to load as most pictures to draw, and few are of this kind

    deep = np.asarray(image)
    grey = Image.fromarray((deep >> 8).astype(np.uint8))
    clear = image.info.get("transparency")
    if clear is None:
        return grey.convert("RGB")
    alpha = Image.fromarray(np.where(deep == clear, 0, 255).astype(np.uint8))
    return Image.merge("RGBA", (grey, grey, grey, alpha))


def _check_canvas(head: bytes) -> None:
    """Of WebP, whose decoder takes memory for all of a picture before it tells its size (RFC 9649, 2.7)."""
    if head[:4] == b"RIFF" and head[8:16] == b"WEBPVP8X":
        width, height = (int.from_bytes(head[at : at + 3], "little") + 1 for at in (24, 27))
    elif head[:4] == b"RIFF" and head[8:16] == b"WEBPVP8L":
        bits = int.from_bytes(head[21:25], "little")
        width, height = (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    elif head[:4] == b"RIFF" and head[8:16] == b"WEBPVP8 ":
        width, height = (int.from_bytes(head[at : at + 2], "little") & 0x3FFF for at in (26, 28))
    else:
        return
    if width * height > MAX_PICTURE_PIXELS:
        raise _too_large(MAX_PICTURE_PIXELS)


def _check_size(image: Image.Image) -> None:
    most = MAX_JPEG_PIXELS if image.format in _JPEG else MAX_PICTURE_PIXELS
    if image.width * image.height > most:
        raise _too_large(most)


def _too_large(most: int) -> PermanentError:
    return PermanentError(f"This picture has more than {most // 1_000_000} million pixels.")
