"""Pages of PDF documents as pictures, in the decoder: what is written on a scan can only be read in one.

PDFium draws them: it knows every way of packing a scan, and decodes most pictures line by line, no larger than wanted.
"""

from math import sqrt
from typing import Any

import pypdfium2 as pdfium
from PIL import Image

from broker.errors import PermanentError
from handlers.embedding.reading.legible import MOST_PIXELS
from handlers.embedding.reading.picture import Raw, raw

#: Pixels of an inch of paper at most, and points of one.
_FINEST, _POINTS = 300, 72
#: Difference (of 255) between the lightest and the darkest pixel, below which nothing is written.
_CONTRAST = 24
#: Pictures of an empty page that are looked at, in forms inside of so many others.
_MOST, _DEEPEST = 20, 5


def raw_page(path: str, number: int) -> Raw | None:
    """A page (counted from 1) as it is shown, with some 2.5 million pixels at most; ``None`` where it is empty.

    Raises ``PermanentError`` for what cannot be drawn.
    """
    try:
        with pdfium.PdfDocument(path) as document:
            return _drawn(document[number - 1])
    except pdfium.PdfiumError as error:
        raise PermanentError("It is damaged, or its pictures are, or have too many pixels.") from error


def _drawn(page: pdfium.PdfPage) -> Raw | None:
    width, height = page.get_size()
    scale = min(sqrt(MOST_PIXELS / (width * height)), _FINEST / _POINTS)
    image: Image.Image = page.render(scale=scale).to_pil()
    extremes: Any = image.convert("L").getextrema()
    if extremes[1] - extremes[0] >= _CONTRAST:
        return raw(image.convert("RGB"))
    _check_pictures(page)
    return None


def _check_pictures(page: pdfium.PdfPage) -> None:
    """Whether nothing is to be seen because they cannot be decoded, which PDFium does not tell."""
    pictures = page.get_objects(filter=[pdfium.raw.FPDF_PAGEOBJ_IMAGE], max_depth=_DEEPEST)
    for _, each in zip(range(_MOST), pictures, strict=False):
        each.get_bitmap().close()
