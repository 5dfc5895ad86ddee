"""Guards pictures: what telephones and scanners make is accepted and seen as it is, within bounds of memory."""

import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pillow_heif import register_heif_opener

from broker.errors import PermanentError
from handlers.media.bounds import PICTURE
from handlers.media.decoding import decode
from handlers.media.pictures import eight_bits, picture, reduce, upright_size

READERS = {
    "handlers.plugins.probing:describe_picture": [],
    "handlers.plugins.stills:of_picture": [[320], "png"],
    "handlers.embedding.reading.picture:raw_picture": [],
}
#: Bytes beside which a program that has loaded its libraries cannot hold even a byte for each of 100 million pixels.
LITTLE = 320 * 2**20
register_heif_opener()


def read(function: str, path: Path, memory: int = PICTURE.memory) -> object:
    (answer,) = decode(function, str(path), *READERS[function], limits=replace(PICTURE, memory=memory), seconds=60)
    return answer


@pytest.fixture(scope="module")
def huge(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """200 megapixels, black at the left and white at the right, as the largest cameras of telephones make them."""
    image = Image.new("L", (16_384, 12_288))
    image.paste(255, (8_192, 0, 16_384, 12_288))
    path = tmp_path_factory.mktemp("huge") / "a.jpg"
    image.save(path)
    return path


@pytest.mark.parametrize("function", READERS)
def test_the_largest_photographs_are_read_in_little_memory(huge: Path, function: str) -> None:
    answer = read(function, huge, LITTLE)
    if "describe" in function:
        assert (answer["width"], answer["height"]) == (16_384, 12_288)  # type: ignore[index]
    elif "stills" in function:
        with Image.open(io.BytesIO(answer["data"])) as small:  # type: ignore[index]
            assert (small.size, small.getpixel((10, 10)), small.getpixel((310, 10))) == (
                (320, 240), (0, 0, 0), (255, 255, 255))  # fmt: skip
    else:
        width, height, data = answer  # type: ignore[misc]
        assert (width, height, data[0], data[-1]) == (512, 384, 0, 255)


@pytest.mark.parametrize("function", READERS)
def test_larger_ones_are_refused_by_their_header(tmp_path: Path, function: str) -> None:
    buffer = io.BytesIO()
    Image.new("L", (64, 64)).save(buffer, "JPEG")
    small = buffer.getvalue()
    at = small.index(b"\xff\xc0") + 5
    path = tmp_path / "a.jpg"
    path.write_bytes(small[:at] + (15_000).to_bytes(2) * 2 + small[at + 4 :])
    with pytest.raises(PermanentError, match="more than 210 million pixels"):
        read(function, path)


def test_what_must_be_decoded_whole_may_have_fewer_pixels(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    Image.new("L", (10_000, 9_100)).save(path)
    with picture(path) as image, pytest.raises(PermanentError, match="more than 90 million pixels"):
        reduce(image, 0.9)


def test_memory_that_a_picture_takes_is_bounded(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    Image.new("L", (9_000, 9_000)).save(path)
    with pytest.raises(PermanentError, match="too much memory"):
        read("handlers.embedding.reading.picture:raw_picture", path, LITTLE)


def test_photographs_with_others_behind_them_are_decoded_small(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    image = Image.new("RGB", (4_000, 3_000), "red")
    image.save(path, "MPO", save_all=True, append_images=[Image.new("RGB", (400, 300), "blue")])
    with picture(path) as opened:
        assert opened.format == "MPO"
        reduce(opened, 0.1)
        assert opened.size == (500, 375)
        assert opened.getpixel((9, 9))[0] > 240


@pytest.mark.parametrize(
    "function", ["handlers.plugins.stills:of_picture", "handlers.embedding.reading.picture:raw_picture"]
)
def test_sixteen_bits_of_grey_keep_their_shades(tmp_path: Path, function: str) -> None:
    path = tmp_path / "a.png"
    Image.fromarray(np.repeat(np.array([[0, 16_384, 32_768, 65_535]], np.uint16), 4, axis=0)).save(path)
    answer = read(function, path)
    if "stills" in function:
        with Image.open(io.BytesIO(answer["data"])) as small:  # type: ignore[index]
            data = small.convert("RGB").tobytes()
    else:
        data = answer[2]  # type: ignore[index]
    assert list(data[:12:3]) == [0, 64, 128, 255]


def test_what_is_transparent_in_sixteen_bits_stays_so() -> None:
    image = Image.fromarray(np.array([[0, 16_384]], np.uint16))
    image.info["transparency"] = 16_384
    assert [eight_bits(image).getpixel((x, 0)) for x in (0, 1)] == [(0, 0, 0, 255), (64, 64, 64, 0)]


@pytest.mark.parametrize("function", READERS)
def test_a_telephones_heic_is_read_and_upright(tmp_path: Path, function: str) -> None:
    image = Image.new("RGB", (640, 320), "red")
    image.paste("blue", (0, 160, 640, 320))
    exif = Image.Exif()
    exif[0x0112] = 6
    path = tmp_path / "a.heic"
    image.save(path, "HEIF", exif=exif.tobytes(), quality=95)
    answer = read(function, path)
    if "describe" in function:
        assert (answer["format"], answer["width"], answer["height"]) == ("HEIF", 320, 640)  # type: ignore[index]
        return
    if "stills" in function:
        small = Image.open(io.BytesIO(answer["data"])).convert("RGB")  # type: ignore[index]
    else:
        width, height, data = answer  # type: ignore[misc]
        small = Image.frombytes("RGB", (width, height), data)
    assert small.height == 2 * small.width
    left, right = (small.getpixel((x, small.height // 2)) for x in (5, small.width - 5))
    assert left[2] > 200 > 50 > left[0]
    assert right[0] > 200 > 50 > right[2]


@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_size_of_a_picture_needs_no_decoding(tmp_path: Path, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.new("RGB", (40, 20)).save(tmp_path / "a.jpg", exif=exif)
    with picture(tmp_path / "a.jpg") as image:
        assert upright_size(image) == ((40, 20) if orientation < 5 else (20, 40))
