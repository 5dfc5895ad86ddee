"""PDFs as scanners make them: pages of pictures, packed in every way that PDF knows."""

import io
import struct
import zlib
from collections.abc import Sequence
from typing import Any, NamedTuple

from PIL import Image, ImageChops, ImageDraw, ImageFilter, ImageFont

A4 = (1240, 1754)  # at 150 dots an inch
PLACED = b"q 595 0 0 842 0 0 cm /P0 Do Q"


class Picture(NamedTuple):
    """One inside a PDF: its attributes and its bytes."""

    attributes: bytes
    data: bytes


class Page(NamedTuple):
    """One of a PDF, of DIN A4 if nothing else is said."""

    pictures: Sequence[Picture] = ()
    content: bytes = PLACED
    attributes: bytes = b"/MediaBox [0 0 595 842]"


def pdf(*pages: Page, catalogue: bytes = b"") -> bytes:
    """A file of these pages."""
    objects: list[bytes] = [b"", b"", b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>"]
    kids = []
    for page in pages:
        first = len(objects) + 1
        names = b" ".join(b"/P%d %d 0 R" % (at, first + 2 + at) for at in range(len(page.pictures)))
        kids.append(b"%d 0 R" % first)
        objects.append(
            b"<< /Type /Page /Parent 2 0 R /Contents %d 0 R %s " % (first + 1, page.attributes)
            + b"/Resources << /Font << /F1 3 0 R >> /XObject << %s >> >> >>" % names
        )
        objects.append(_stream(b"", page.content))
        objects += [_stream(b"/Type /XObject /Subtype /Image " + each.attributes, each.data) for each in page.pictures]
    objects[0] = b"<< /Type /Catalog /Pages 2 0 R %s >>" % catalogue
    objects[1] = b"<< /Type /Pages /Kids [%s] /Count %d >>" % (b" ".join(kids), len(pages))
    body, offsets = b"%PDF-1.5\n", []
    for number, each in enumerate(objects, 1):
        offsets.append(len(body))
        body += b"%d 0 obj\n%s\nendobj\n" % (number, each)
    table = b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    size = len(objects) + 1
    return (
        body
        + b"xref\n0 %d\n0000000000 65535 f \n%strailer << /Root 1 0 R /Size %d >>\n" % (size, table, size)
        + b"startxref\n%d\n%%%%EOF" % len(body)
    )


def _stream(attributes: bytes, data: bytes) -> bytes:
    return b"<< %s /Length %d >>\nstream\n%s\nendstream" % (attributes, len(data), data)


def words(text: str) -> Page:
    """A page of text, a line for each of its lines."""
    lines = b" ".join(b"(%s) Tj T*" % line.encode() for line in text.split("\n"))
    return Page((), b"BT /F1 12 Tf 14 TL 72 700 Td %s ET" % lines)


def paper(text: str, size: tuple[int, int] = A4, height: int = 30, ink: Any = "black") -> Image.Image:
    """What is printed on a sheet."""
    page = Image.new("RGB", size, "white")
    font = ImageFont.load_default(height)
    ImageDraw.Draw(page).multiline_text((size[0] // 10, size[1] // 10), text, fill=ink, font=font, spacing=height // 2)
    return page


def scanned(page: Image.Image, degrees: float = 1.5) -> Image.Image:
    """As it comes out of a scanner: skewed, a little out of focus, on grey paper, with noise."""
    turned = page.convert("L").rotate(degrees, Image.Resampling.BICUBIC, fillcolor=255)
    noise = Image.effect_noise(page.size, 40)
    return Image.blend(turned.filter(ImageFilter.GaussianBlur(0.7)), noise, 0.15)


def attributes(image: Image.Image, how: bytes, space: bytes = b"") -> bytes:
    """Of a picture of a size that is packed so."""
    space = (
        space or {"L": b"/DeviceGray", "1": b"/DeviceGray", "RGB": b"/DeviceRGB", "CMYK": b"/DeviceCMYK"}[image.mode]
    )
    bits = 1 if image.mode == "1" else 8
    return b"/Width %d /Height %d /BitsPerComponent %d /ColorSpace %s %s" % (*image.size, bits, space, how)


def jpeg(image: Image.Image) -> Picture:
    inverted = b"/Decode [1 0 1 0 1 0 1 0]" if image.mode == "CMYK" else b""
    return Picture(attributes(image, b"/Filter /DCTDecode " + inverted), _saved(image, "JPEG", quality=60))


def jpeg_2000(image: Image.Image) -> Picture:
    return Picture(attributes(image, b"/Filter /JPXDecode"), _saved(image, "JPEG2000"))


def flate(image: Image.Image) -> Picture:
    return Picture(attributes(image, b"/Filter /FlateDecode"), zlib.compress(image.tobytes()))


def fax(image: Image.Image) -> Picture:
    """Group 4, as most copiers send black and white."""
    size = b"/Columns %d /Rows %d" % image.size
    how = b"/Filter /CCITTFaxDecode /DecodeParms << /K -1 /BlackIs1 true %s >>" % size
    return Picture(attributes(image.convert("1"), how), _group_4(image))


def jbig2(image: Image.Image) -> Picture:
    """A page of one region that is packed as Group 4 is (ITU-T T.88, 7.4.6, MMR)."""
    width, height = image.size
    region = struct.pack(">IIIIB", width, height, 0, 0, 0) + b"\x01" + _group_4(ImageChops.invert(image))
    head = struct.pack(">IIIIBH", width, height, 0, 0, 0, 0)
    data = b"".join(
        struct.pack(">IBBBI", number, kind, 0, 1, len(body)) + body
        for number, (kind, body) in enumerate(((48, head), (38, region)))
    )
    return Picture(attributes(image.convert("1"), b"/Filter /JBIG2Decode"), data)


def stencil(image: Image.Image) -> Picture:
    """Letters alone, which are painted with a colour on whatever is below."""
    size = b"/Width %d /Height %d" % image.size
    return Picture(b"%s /ImageMask true /Filter /FlateDecode" % size, zlib.compress(image.convert("1").tobytes()))


def _group_4(image: Image.Image) -> bytes:
    """Black is 1, as a TIFF says it in one strip."""
    file = io.BytesIO()
    image.convert("1").save(file, "TIFF", compression="group4", strip_size=2**30, tiffinfo={278: image.height})
    with Image.open(io.BytesIO(file.getvalue())) as tiff:
        tags: Any = tiff.tag_v2  # type: ignore[attr-defined]
        (offset,), (count,) = tags[273], tags[279]
    return file.getvalue()[offset : offset + count]


def _saved(image: Image.Image, kind: str, **options: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()
