"""Small pictures of uploaded ones: as they are to be seen, without what else their files tell, within bounds."""

import io
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np
import pytest
from PIL import Image, ImageCms
from pillow_heif import register_heif_opener

from broker.errors import PermanentError
from handlers.media.bounds import PICTURE
from handlers.media.thumbnail import thumbnail
from tests.handlers.media.large import flat_jpeg, tiled

register_heif_opener()
RED, BLUE = (255, 0, 0), (0, 0, 255)
#: With a place on the earth, as telephones write it.
GPS = {1: "N", 2: (52.0, 31.0, 12.0), 3: "E", 4: (13.0, 24.0, 18.0)}


def saved(folder: Path, image: Image.Image, form: str, **options: Any) -> Path:
    path = folder / f"a.{form.lower()}"
    image.save(path, form, **options)
    return path


def small(path: Path, width: int = 320) -> Image.Image:
    image = Image.open(io.BytesIO(thumbnail(path, width)))
    assert image.format == "WEBP"
    return image


def near(pixel: Any, wanted: tuple[int, ...]) -> bool:
    return all(abs(one - other) < 24 for one, other in zip(pixel, wanted, strict=True))


def halves(size: tuple[int, int], mode: str = "RGB") -> Image.Image:
    """Red at the left, blue at the right."""
    image = Image.new(mode, size, RED)
    image.paste(BLUE, (size[0] // 2, 0, *size))
    return image


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "GIF", "AVIF", "HEIF"])
def test_each_kind_of_picture_becomes_a_small_one(tmp_path: Path, form: str) -> None:
    image = small(saved(tmp_path, halves((1200, 900)), form))
    assert image.size == (320, 240)
    assert near(image.convert("RGB").getpixel((20, 120)), RED)
    assert near(image.convert("RGB").getpixel((300, 120)), BLUE)


@pytest.mark.parametrize(
    ("size", "width", "drawn"),
    [
        ((1, 1), 640, (1, 1)),
        ((100, 80), 1280, (100, 80)),
        ((10_000, 1), 320, (320, 1)),
        ((1, 10_000), 320, (1, 1280)),
        ((1000, 20_000), 320, (64, 1280)),
        ((641, 400), 640, (640, 399)),
    ],
)
@pytest.mark.parametrize("form", ["PNG", "JPEG"])
def test_none_is_larger_than_the_picture_nor_too_tall(
    tmp_path: Path, form: str, size: tuple[int, int], width: int, drawn: tuple[int, int]
) -> None:
    assert small(saved(tmp_path, Image.new("RGB", size), form), width).size == drawn


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "HEIF"])
def test_it_is_upright(tmp_path: Path, form: str) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    image = small(saved(tmp_path, halves((1200, 900)), form, exif=exif.tobytes()))
    assert image.size == (320, 427)
    assert near(image.convert("RGB").getpixel((160, 20)), RED)
    assert near(image.convert("RGB").getpixel((160, 400)), BLUE)


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "HEIF", "AVIF"])
def test_nothing_that_its_file_tells_goes_with_it(tmp_path: Path, form: str) -> None:
    exif = Image.Exif()
    exif[0x010F] = "Maker of telephones"
    exif.get_ifd(0x8825).update(GPS)
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    path = saved(tmp_path, halves((64, 64)), form, exif=exif.tobytes(), icc_profile=profile)
    assert b"Maker of telephones" in path.read_bytes()
    drawn = thumbnail(path, 320)
    assert drawn[12:16] == b"VP8 "  # the picture, and no chunk beside it
    assert Image.open(io.BytesIO(drawn)).getexif() == {}


def test_what_is_transparent_stays_so(tmp_path: Path) -> None:
    clear = Image.new("RGBA", (400, 400), (255, 255, 255, 0))
    clear.paste((0, 0, 0, 255), (0, 0, 200, 400))
    for form, image in (("PNG", clear), ("WEBP", clear), ("GIF", clear)):
        drawn = small(saved(tmp_path, image, form), 160).convert("RGBA")
        assert [drawn.getpixel((x, 80))[3] for x in (20, 140)] == [255, 0], form


def test_of_an_animation_it_is_the_first_picture(tmp_path: Path) -> None:
    frames = [Image.new("RGB", (64, 64), each) for each in (RED, BLUE)]
    for form in ("GIF", "WEBP", "PNG", "AVIF"):
        path = saved(tmp_path, frames[0], form, save_all=True, append_images=frames[1:])
        assert near(small(path).convert("RGB").getpixel((32, 32)), RED), form


def test_colours_are_those_that_the_profile_means(tmp_path: Path) -> None:
    """Numbers of another space, taken for sRGB, would be other colours."""
    swapped = ImageCms.ImageCmsProfile(io.BytesIO(_swapped()))
    path = saved(tmp_path, halves((64, 64)), "PNG", icc_profile=swapped.tobytes())
    drawn = small(path).convert("RGB")
    assert near(drawn.getpixel((8, 32)), BLUE)
    assert near(drawn.getpixel((56, 32)), RED)


def _swapped() -> bytes:
    """The profile sRGB, whose red is blue and the other way round."""
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    return profile.replace(b"rXYZ", b"xxxx").replace(b"bXYZ", b"rXYZ").replace(b"xxxx", b"bXYZ")


@pytest.mark.parametrize("profile", [b"nonsense", ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()])
def test_a_profile_that_says_nothing_of_it_is_passed_over(tmp_path: Path, profile: bytes) -> None:
    path = saved(tmp_path, halves((64, 64)), "PNG", icc_profile=profile)
    assert near(small(path).convert("RGB").getpixel((8, 32)), RED)


def test_other_kinds_of_pixels_are_drawn_too(tmp_path: Path) -> None:
    """CMYK, as printers have it, sixteen bits of grey, a palette, one bit."""
    cmyk = saved(tmp_path, Image.new("CMYK", (64, 64), (0, 255, 255, 0)), "JPEG")
    assert near(small(cmyk).convert("RGB").getpixel((8, 8)), RED)
    deep = saved(tmp_path, Image.fromarray(np.full((64, 64), 32_768, np.uint16)), "PNG")
    assert near(small(deep).convert("RGB").getpixel((8, 8)), (128, 128, 128))
    palette = saved(tmp_path, halves((64, 64)).quantize(4), "PNG")
    assert near(small(palette).convert("RGB").getpixel((8, 8)), RED)
    assert small(saved(tmp_path, Image.new("1", (64, 64), 1), "PNG")).convert("L").getpixel((8, 8)) > 240


@pytest.mark.parametrize("mode", ["P", "1", "RGB"])
def test_what_is_finer_than_its_pixels_is_averaged(tmp_path: Path, mode: str) -> None:
    stripes = Image.fromarray(np.tile(np.array([0, 255], np.uint8), (640, 320)))
    drawn = small(saved(tmp_path, stripes.convert(mode), "PNG"), 160).convert("L")
    assert all(abs(each - 128) < 24 for each in drawn.crop((8, 8, 152, 152)).tobytes())


def claiming(width: int, height: int) -> bytes:
    """A PNG of few bytes that says to be so large."""
    out = io.BytesIO()
    Image.new("L", (1, 1)).save(out, "PNG")
    data = out.getvalue()
    head = b"IHDR" + width.to_bytes(4) + height.to_bytes(4) + data[24:29]
    return data[:12] + head + crc32(head).to_bytes(4) + data[33:]


def cut(form: str) -> bytes:
    out = io.BytesIO()
    Image.effect_noise((300, 300), 90).convert("RGB").save(out, form)
    return out.getvalue()[: len(out.getvalue()) // 3]


REFUSED = {
    "empty": (b"", "cannot be read as a picture"),
    "text": (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "cannot be read as a picture"),
    "PNG of 2.5 billion pixels": (claiming(50_000, 50_000), "more than 90 million pixels"),
    "cut JPEG": (cut("JPEG"), "cannot be read as a picture"),
    "cut PNG": (cut("PNG"), "cannot be read as a picture"),
    "cut WebP": (cut("WEBP"), "cannot be read as a picture"),
    "HEIC of 201 million pixels": (tiled("HEIF", 32, 24, Image.new("RGB", (512, 512))), "more than 90 million pixels"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_drawn_is_said_in_one_line(tmp_path: Path, name: str) -> None:
    data, said = REFUSED[name]
    (tmp_path / "a").write_bytes(data)
    with pytest.raises(PermanentError, match=said) as refused:
        thumbnail(tmp_path / "a", 320)
    assert "\n" not in refused.value.message


def program(path: Path, memory: int = PICTURE.memory, seconds: int = 20) -> tuple[int, bytes, int]:
    """How the program ends on a file, what it says, and the MiB of memory that it has taken at most (0: not known)."""
    script = (
        "import dataclasses, sys, handlers.media.thumbnail as it\n"
        "from tests.handlers.media.measured import most\n"
        f"it.PICTURE = dataclasses.replace(it.PICTURE, memory={memory})\n"
        f"it._SECONDS = {seconds}\n"
        "try:\n"
        f"    it.main({str(path)!r}, '320')\n"
        "finally:\n"
        "    sys.stderr.write(str(most()))\n"
    )
    env = {"PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "MALLOC_ARENA_MAX": "2"}
    ended = subprocess.run([sys.executable, "-c", script], env=env, cwd="/", capture_output=True, check=False)
    return ended.returncode, ended.stdout, int(ended.stderr or 0)


#: MiB of memory that each takes at most: what was measured, and a tenth to a half more.
LARGE = {
    "108.jpg": (lambda: flat_jpeg(12_000, 9_000), 50),
    "200 progressive, colours as fine as light.jpg": (
        lambda: flat_jpeg(16_384, 12_288, progressive=True, sampling=0x11),
        1_300,
    ),
    "50.heic": (lambda: tiled("HEIF", 16, 12, Image.new("RGB", (512, 512), "red")), 520),
}


@pytest.mark.parametrize("name", LARGE)
def test_the_largest_photographs_take_bounded_memory(tmp_path: Path, name: str) -> None:
    data, most = LARGE[name]
    (tmp_path / name).write_bytes(data())
    status, said, taken = program(tmp_path / name)
    assert (status, said[:4]) == (0, b"RIFF")
    assert taken <= most


def test_a_refusal_is_the_programs_one_line(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(claiming(50_000, 50_000))
    status, said, taken = program(tmp_path / "a")
    assert (status, said) == (3, b"This picture has more than 90 million pixels.")
    assert taken < 60


def test_one_that_needs_more_memory_than_it_may_take_is_refused(tmp_path: Path) -> None:
    path = saved(tmp_path, Image.new("L", (9_000, 9_000)), "PNG")
    status, said, _ = program(path, memory=200 * 2**20)
    assert (status, said) == (3, b"This picture needs too much memory to be decoded.")


def test_one_that_takes_too_long_is_ended_by_the_kernel_that_says_so(tmp_path: Path) -> None:
    tile = Image.effect_noise((512, 512), 90).convert("RGB")
    (tmp_path / "a.heic").write_bytes(tiled("HEIF", 18, 18, tile))
    status, said, _ = program(tmp_path / "a.heic", seconds=1)
    assert (status, said) == (-signal.SIGXCPU, b"")
