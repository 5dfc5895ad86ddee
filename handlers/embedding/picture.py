"""Opens pictures that strangers sent: bounded, upright, opaque, small, or refused in one line."""

import warnings
from pathlib import Path
from typing import BinaryIO

import numpy as np
from PIL import Image, ImageOps

from broker.errors import PermanentError

#: Formats that an upload is recognised as; nothing else is given to a decoder.
_FORMATS = ("JPEG", "PNG", "GIF", "WEBP", "AVIF")
#: Pixels of the short side that are kept: no model here looks at more.
_SHORT_SIDE = 384
#: Longer shapes get a border: models scale the short side to theirs, and would make a thread of one pixel a cable.
_LONGEST_SHAPE = 8
_BROKEN = "This file cannot be read as a picture: it is damaged, or none of JPEG, PNG, GIF, WebP and AVIF."
_TOO_LARGE = f"This picture has more than {(Image.MAX_IMAGE_PIXELS or 0) // 1_000_000} million pixels."


def read_picture(path: Path) -> Image.Image:
    """The picture (of an animation the first) as RGB, its short side at most 384 pixels.

    Raises ``PermanentError`` for what cannot be a picture, and for one of more pixels than Pillow deems safe.
    """
    with path.open("rb") as file, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        try:
            return _decode(file)
        except (Image.DecompressionBombWarning, Image.DecompressionBombError) as error:
            raise PermanentError(_TOO_LARGE) from error
        except MemoryError:
            raise
        except Exception as error:  # decoders fail in many ways on bytes that are not theirs
            raise PermanentError(_BROKEN) from error


def shrink(image: Image.Image) -> Image.Image:
    """``image``, or a copy whose short side has 384 pixels, with a border if it is more than 8 times as long."""
    scale = min(_SHORT_SIDE / min(image.size), _SHORT_SIDE * _LONGEST_SHAPE / max(image.size))
    if scale < 1:
        size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
        image = image.resize(size, Image.Resampling.BICUBIC, reducing_gap=2.0)
    least = max(image.size) // _LONGEST_SHAPE
    if min(image.size) >= least:
        return image
    return ImageOps.pad(image, (max(image.width, least), max(image.height, least)), color="white")


def _decode(file: BinaryIO) -> Image.Image:
    with Image.open(file, formats=_FORMATS) as image:
        if image.format == "JPEG":  # decoding at a fraction of the size saves most of the time
            scale = _SHORT_SIDE / min(image.size)
            image.draft("RGB", (round(image.width * scale), round(image.height * scale)))
        ImageOps.exif_transpose(image, in_place=True)
        small = shrink(_eight_bits(image))
    if small.mode != "RGBA":
        return small
    page = Image.new("RGB", small.size, "white")
    page.paste(small, mask=small.getchannel("A"))
    return page


def _eight_bits(image: Image.Image) -> Image.Image:
    """As RGB, or as RGBA where something is transparent."""
    if image.mode.startswith("I"):  # sixteen bits of grey, which Pillow's own conversion would cut at 255
        image = Image.fromarray((np.asarray(image).astype(np.uint32) >> 8).astype(np.uint8))
    return image.convert("RGBA" if image.has_transparency_data else "RGB")
