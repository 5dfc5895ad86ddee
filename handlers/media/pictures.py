"""Pictures as they are to be seen."""

from PIL import Image, ImageOps
from PIL.ExifTags import Base

#: EXIF's orientations of pictures that lie on their side.
_LYING = frozenset({5, 6, 7, 8})


def upright(image: Image.Image) -> Image.Image:
    """A copy with its EXIF orientation applied."""
    return ImageOps.exif_transpose(image)


def upright_size(image: Image.Image) -> tuple[int, int]:
    """Width and height of ``upright``, without decoding anything."""
    lying = image.getexif().get(Base.Orientation) in _LYING
    return (image.height, image.width) if lying else image.size
