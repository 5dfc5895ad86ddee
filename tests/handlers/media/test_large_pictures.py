"""Guards what telephones make of 48 to 200 megapixels: it is read, and within bounds of memory that are measured."""

from collections.abc import Iterator
from pathlib import Path
from zlib import crc32

import pytest
from PIL import Image

from broker.errors import PermanentError
from handlers.media import decoding
from handlers.media.bounds import PICTURE
from handlers.media.pictures import picture
from tests.handlers.media.large import flat_jpeg, tiled

#: MiB that each may take beside a decoder that is idle: what was measured, and a tenth to a half more.
FORMS = {
    "108.jpg": 80,
    "200.jpg": 80,
    # Every coefficient is kept until the last scan.
    "200 progressive.jpg": 700,
    "200 progressive, colours as fine as light.jpg": 1_300,
    "50.heic": 520,
    "50.avif": 520,
}
READERS = {
    "handlers.plugins.stills:of_picture": [[320], "png"],
    "handlers.embedding.reading.picture:raw_picture": [],
    "handlers.embedding.reading.legible:raw_picture": [],
}


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """One of each form."""
    tile = Image.new("RGB", (512, 512), "red")
    made = {
        "108.jpg": flat_jpeg(12_000, 9_000),
        "200.jpg": flat_jpeg(16_384, 12_288),
        "200 progressive.jpg": flat_jpeg(16_384, 12_288, progressive=True),
        "200 progressive, colours as fine as light.jpg": flat_jpeg(16_384, 12_288, progressive=True, sampling=0x11),
        "50.heic": tiled("HEIF", 16, 12, tile),
        "50.avif": tiled("AVIF", 16, 12, tile),
    }
    folder = tmp_path_factory.mktemp("large")
    for name, data in made.items():
        (folder / name).write_bytes(data)
    return {name: folder / name for name in made}


@pytest.fixture(autouse=True)
def fresh() -> Iterator[None]:
    """A decoder that has read nothing else."""
    decoding.close()
    yield
    decoding.close()


@pytest.mark.parametrize("function", READERS)
@pytest.mark.parametrize("form", FORMS)
def test_it_is_read_in_the_memory_that_it_may_take(large: dict[str, Path], form: str, function: str) -> None:
    peak, answer = decoding.decode_one(
        "tests.handlers.media.measured:peak",
        function,
        str(large[form]),
        *READERS[function],
        limits=PICTURE,
        seconds=300,
    )
    assert answer
    assert peak <= FORMS[form]


@pytest.mark.parametrize("lossless", [False, True])
def test_a_large_webp_is_told_so_though_its_decoder_has_no_room_for_it(tmp_path: Path, lossless: bool) -> None:
    Image.new("L", (16, 16)).save(tmp_path / "a.webp", lossless=lossless)
    head = bytearray((tmp_path / "a.webp").read_bytes())
    if lossless:
        assert head[12:16] == b"VP8L"
        head[21:25] = (16_382 | 16_382 << 14 | int.from_bytes(head[21:25], "little") & 0xF << 28).to_bytes(4, "little")
    else:
        assert head[12:16] == b"VP8 "
        head[26:30] = (16_383).to_bytes(2, "little") * 2
    (tmp_path / "a.webp").write_bytes(head)
    with pytest.raises(PermanentError, match="more than 90 million pixels"):
        decoding.decode_one(
            "handlers.embedding.reading.picture:raw_picture", str(tmp_path / "a.webp"), limits=PICTURE, seconds=300
        )


def test_a_webp_of_many_parts_is_told_to_be_large(tmp_path: Path) -> None:
    canvas = b"VP8X" + (10).to_bytes(4, "little") + bytes(4) + (15_999).to_bytes(3, "little") * 2
    (tmp_path / "a.webp").write_bytes(b"RIFF" + (len(canvas) + 4).to_bytes(4, "little") + b"WEBP" + canvas)
    with pytest.raises(PermanentError, match="more than 90 million pixels"):
        decoding.decode_one(
            "handlers.embedding.reading.picture:raw_picture", str(tmp_path / "a.webp"), limits=PICTURE, seconds=300
        )


@pytest.mark.parametrize("kind", ["HEIF", "AVIF", "PNG"])
@pytest.mark.parametrize("side", [9_487, 16_384, 20_000, 65_536, 2**31 - 1])
def test_what_no_decoder_takes_is_told_to_be_large_and_not_damaged(tmp_path: Path, kind: str, side: int) -> None:
    """Whatever bounds of its own a decoder has."""
    Image.new("RGB", (64, 64)).save(tmp_path / "a", kind)
    data = (tmp_path / "a").read_bytes()
    at = data.index(b"IHDR") + 4 if kind == "PNG" else data.index(b"ispe") + 8
    sized = data[:at] + side.to_bytes(4) * 2 + data[at + 8 :]
    if kind == "PNG":
        sized = sized[: at + 13] + crc32(sized[at - 4 : at + 13]).to_bytes(4) + sized[at + 17 :]
    (tmp_path / "a").write_bytes(sized)
    with pytest.raises(PermanentError, match="more than 90 million pixels"), picture(tmp_path / "a"):
        pass


def test_what_is_damaged_and_not_large_is_told_to_be_damaged(tmp_path: Path) -> None:
    Image.new("RGB", (64, 64)).save(tmp_path / "a", "AVIF")
    data = (tmp_path / "a").read_bytes()
    for end in (0, 40, data.index(b"ispe"), data.index(b"ispe") + 9, data.index(b"mdat")):
        (tmp_path / "a").write_bytes(data[:end])
        with pytest.raises(PermanentError, match="damaged"), picture(tmp_path / "a") as image:
            image.load()


@pytest.mark.parametrize("kind", ["HEIF", "AVIF"])
def test_a_few_bytes_that_claim_hundreds_of_megapixels_are_refused_by_their_header(tmp_path: Path, kind: str) -> None:
    (tmp_path / "a").write_bytes(tiled(kind, 32, 24, Image.new("RGB", (512, 512))))
    with pytest.raises(PermanentError, match="more than 90 million pixels"):
        decoding.decode_one(
            "handlers.embedding.reading.picture:raw_picture", str(tmp_path / "a"), limits=PICTURE, seconds=300
        )
