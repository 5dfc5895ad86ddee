"""Pictures of strangers made upright, opaque and small, in the decoder."""

from pathlib import Path

from PIL import Image, ImageOps

from handlers.media.pictures import eight_bits, picture, reduce, turn_upright

#: Width, height and RGB bytes, row by row.
Raw = tuple[int, int, bytes]
#: Pixels of the short side that are kept: no model here looks at more.
_SHORT_SIDE = 384
#: Longer shapes get a border: models scale the short side to theirs, and would make a thread of one pixel a cable.
_LONGEST_SHAPE = 8


def raw_picture(path: str) -> Raw:
    """``read_picture`` as plain values."""
    return raw(read_picture(Path(path)))


def raw(image: Image.Image) -> Raw:
    """An RGB picture as plain values."""
    return image.width, image.height, image.tobytes()


def read_picture(path: Path) -> Image.Image:
    """The picture (of an animation the first) as RGB, its short side at most 384 pixels.

    Raises ``PermanentError`` for what cannot be a picture, and for one of too many pixels.
    """
    with picture(path) as image:
        return _decode(image)


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


def _decode(image: Image.Image) -> Image.Image:
    reduce(image, _SHORT_SIDE / min(image.size))
    turn_upright(image)
    return opaque(shrink(eight_bits(image)))


def opaque(image: Image.Image) -> Image.Image:
    """As RGB, on white where it is transparent."""
    if image.mode != "RGBA":
        return image
    page = Image.new("RGB", image.size, "white")
    page.paste(image, mask=image.getchannel("A"))
    return page
