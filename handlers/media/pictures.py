"""Pictures as they are to be seen, decoded no larger than they are wanted."""

import numpy as np
from PIL import Image, ImageOps
from PIL.ExifTags import Base

from broker.errors import PermanentError
from handlers.media.bounds import MAX_PICTURE_PIXELS

#: EXIF's orientations of pictures that lie on their side.
_LYING = frozenset({5, 6, 7, 8})


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
    image.draft(None, (round(image.width * scale), round(image.height * scale)))
    if image.width * image.height > MAX_PICTURE_PIXELS:
        raise PermanentError(f"This picture has more than {MAX_PICTURE_PIXELS // 1_000_000} million pixels.")


def eight_bits(image: Image.Image) -> Image.Image:
    """As RGB, or as RGBA where something is transparent."""
    if image.mode.startswith("I"):  # sixteen bits of grey, which Pillow's own conversion would cut at 255
        return _grey(image)
    mode = "RGBA" if image.has_transparency_data else "RGB"
    return image if image.mode == mode else image.convert(mode)


def _grey(image: Image.Image) -> Image.Image:
    deep = np.asarray(image)
    grey = Image.fromarray((deep >> 8).astype(np.uint8))
    clear = image.info.get("transparency")
    if clear is None:
        return grey.convert("RGB")
    alpha = Image.fromarray(np.where(deep == clear, 0, 255).astype(np.uint8))
    return Image.merge("RGBA", (grey, grey, grey, alpha))
