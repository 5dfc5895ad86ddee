"""Guards the decoder of strangers' pictures: what is seen is what a person sees, and nothing hostile gets far."""

import struct
import zlib
from io import BytesIO
from pathlib import Path

import pytest

from broker.errors import PermanentError

np = pytest.importorskip("numpy", reason="needs the extra media")
Image = pytest.importorskip("PIL.Image", reason="needs the extra media")
picture = pytest.importorskip("handlers.embedding.reading.picture", reason="needs the extra media")

RED, BLUE, WHITE = (255, 0, 0), (0, 0, 255), (255, 255, 255)
UPRIGHT_IS_LEFT = 8  # EXIF's orientation of a camera held upright, its right side up


def halves(size: tuple[int, int] = (64, 32)):
    """Red on the left, blue on the right."""
    image = Image.new("RGB", size, RED)
    image.paste(BLUE, (size[0] // 2, 0, *size))
    return image


def save(path: Path, image, **options) -> Path:
    image.save(path, **options)
    return path


def close(pixel: tuple[int, ...], colour: tuple[int, ...]) -> bool:
    return all(abs(one - other) < 12 for one, other in zip(pixel, colour, strict=True))


@pytest.mark.parametrize("extension", ["png", "jpg", "gif", "webp", "avif", "heic"])
def test_every_format_that_may_be_uploaded_is_read(tmp_path: Path, extension: str) -> None:
    read = picture.read_picture(save(tmp_path / f"a.{extension}", halves()))
    assert read.mode == "RGB"
    assert read.size == (64, 32)
    assert close(read.getpixel((10, 16)), RED)
    assert close(read.getpixel((54, 16)), BLUE)


@pytest.mark.parametrize("extension", ["png", "jpg"])
def test_large_pictures_are_made_small_in_proportion(tmp_path: Path, extension: str) -> None:
    read = picture.read_picture(save(tmp_path / f"a.{extension}", halves((3000, 1500))))
    assert read.size == (768, 384)
    assert close(read.getpixel((10, 100)), RED)
    assert close(read.getpixel((700, 100)), BLUE)


@pytest.mark.parametrize(("size", "shown"), [((20_000, 2), (3072, 384)), ((1, 900), (112, 900))])
def test_very_long_pictures_get_a_border(tmp_path: Path, size: tuple[int, int], shown: tuple[int, int]) -> None:
    read = picture.read_picture(save(tmp_path / "a.png", Image.new("RGB", size, RED)))
    assert read.size == shown
    assert close(read.getpixel((0, 0)), WHITE)
    assert read.getpixel((shown[0] // 2, shown[1] // 2))[2] < 200


def test_a_camera_held_upright_gives_an_upright_picture(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = UPRIGHT_IS_LEFT
    read = picture.read_picture(save(tmp_path / "a.jpg", halves(), exif=exif))
    assert read.size == (32, 64)
    assert close(read.getpixel((16, 54)), RED)
    assert close(read.getpixel((16, 10)), BLUE)


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_what_is_transparent_is_white(tmp_path: Path, mode: str) -> None:
    image = Image.new("RGBA", (20, 20), (0, 0, 0, 0))
    image.paste((0, 0, 0, 255), (10, 0, 20, 20))
    read = picture.read_picture(save(tmp_path / "a.png", image.convert(mode)))
    assert close(read.getpixel((5, 10)), WHITE)
    assert close(read.getpixel((15, 10)), (0, 0, 0))


def test_sixteen_bits_of_grey_keep_their_shades(tmp_path: Path) -> None:
    shades = np.array([[0, 16384, 32768, 65535]], np.uint16)
    read = picture.read_picture(save(tmp_path / "a.png", Image.fromarray(shades)))
    assert [read.getpixel((x, 0))[0] for x in range(4)] == [0, 64, 128, 255]


def test_printing_colours_are_understood(tmp_path: Path) -> None:
    read = picture.read_picture(save(tmp_path / "a.jpg", halves().convert("CMYK")))
    assert read.mode == "RGB"
    assert close(read.getpixel((10, 16)), RED)


def test_of_an_animation_the_first_picture_is_taken(tmp_path: Path) -> None:
    frames = [Image.new("RGB", (20, 20), colour) for colour in (RED, BLUE)]
    read = picture.read_picture(save(tmp_path / "a.gif", frames[0], save_all=True, append_images=frames[1:]))
    assert close(read.getpixel((5, 5)), RED)


def png_claiming(width: int, height: int) -> bytes:
    """A PNG of a few bytes that says it is of this size."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(b"\0" * 1000))
        + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize("size", [(10_000, 10_000), (60_000, 60_000)])
def test_a_picture_of_too_many_pixels_is_refused_before_it_is_decoded(tmp_path: Path, size: tuple[int, int]) -> None:
    path = tmp_path / "bomb.png"
    path.write_bytes(png_claiming(*size))
    with pytest.raises(PermanentError, match="million pixels") as refused:
        picture.read_picture(path)
    assert str(tmp_path) not in refused.value.message


def whole(format_name: str) -> bytes:
    buffer = BytesIO()
    halves().save(buffer, format_name)
    return buffer.getvalue()


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"not a picture",
        whole("PNG")[:60],
        whole("JPEG")[:200],
        whole("WEBP")[:30],
        png_claiming(64, 32)[:45],
        whole("BMP"),
        b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\nshowpage\n",
    ],
    ids=["empty", "text", "cut PNG", "cut JPEG", "cut WebP", "cut header", "BMP", "PostScript"],
)
def test_what_is_damaged_or_no_picture_fails_for_good_in_one_clear_line(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "a.jpg"
    path.write_bytes(data)
    with pytest.raises(PermanentError, match="cannot be read as a picture") as refused:
        picture.read_picture(path)
    assert "\n" not in refused.value.message
    assert str(tmp_path) not in refused.value.message
