"""Guards text in pictures: what is written is found, and where; off unless asked for, refused where it cannot be."""

import subprocess
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from imageio_ffmpeg import get_ffmpeg_exe

from broker.broker import Broker
from tests.handlers.embedding.conftest import NEEDS, Embed, Upload

Image = pytest.importorskip("PIL.Image", reason=NEEDS)
ImageDraw = pytest.importorskip("PIL.ImageDraw", reason=NEEDS)
ImageFont = pytest.importorskip("PIL.ImageFont", reason=NEEDS)
lettering = pytest.importorskip("handlers.embedding.reading.lettering", reason=NEEDS, exc_type=ImportError)
legible = pytest.importorskip("handlers.embedding.reading.legible", reason=NEEDS, exc_type=ImportError)
preflight = pytest.importorskip("handlers.embedding.preflight", reason=NEEDS, exc_type=ImportError)
run = pytest.importorskip("handlers.embedding.run", reason=NEEDS, exc_type=ImportError)
video = pytest.importorskip("handlers.embedding.reading.video", reason=NEEDS, exc_type=ImportError)
needs_ocr = pytest.mark.skipif(find_spec("rapidocr") is None, reason="text in pictures is not read (extra ocr)")

SLIDES = ("Invoice No. 48213-B", "Payment is due in 30 days")


@pytest.fixture
def slides(tmp_path: Path) -> Path:
    """A film of two slides, two seconds each, the first again at the end; and the pictures beside it."""
    for number, text in enumerate((*SLIDES, SLIDES[0])):
        page = Image.new("RGB", (1280, 720), ("white", "lightblue", "white")[number])
        ImageDraw.Draw(page).text((100, 300), text, fill="black", font=ImageFont.load_default(70))
        page.save(tmp_path / f"{number}.png")
    read = ["-framerate", "1/2", "-i", str(tmp_path / "%d.png")]
    written = ["-r", "4", "-g", "4", "-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p"]
    film = tmp_path / "a.mp4"
    subprocess.run([get_ffmpeg_exe(), "-v", "error", *read, *written, str(film)], check=True, timeout=60)
    return film


@pytest.fixture
def reading(monkeypatch: pytest.MonkeyPatch, light: Any) -> Callable[[list[str]], list[tuple[int, int]]]:
    """Takes what is to be read instead of what is written; gives the sizes of the pictures that were looked at."""
    monkeypatch.setenv("EMBED_OCR", "1")

    def script(texts: list[str]) -> list[tuple[int, int]]:
        monkeypatch.setattr(run, "_encoder", lambda: light)
        sizes: list[tuple[int, int]] = []

        def read(picture: Any) -> str:
            sizes.append(picture.size)
            return texts[len(sizes) - 1]

        monkeypatch.setattr(lettering, "_read", read)
        return sizes

    return script


def written_in(broker: Broker, media_id: str, model: str) -> list[tuple[float | None, str]]:
    parts = broker.vectors.parts("acme", model, [media_id])[media_id]
    return [(part.start, part.text) for part in parts if part.matched == "text"]


def test_what_is_written_in_a_film_is_told_with_the_second_where_it_begins(
    slides: Path, reading: Any, light: Any, embed: Embed, upload: Upload, broker: Broker
) -> None:
    sizes = reading([SLIDES[0], SLIDES[1], SLIDES[1], ""])
    chosen = [frame.at for frame in video.read_frames(slides)]
    record = upload(slides, "video")
    embed(record)
    assert sizes == [(1280, 720)] * len(chosen)
    assert written_in(broker, record.id, light.name) == [(chosen[0], SLIDES[0]), (chosen[1], SLIDES[1])]


def test_nothing_is_read_unless_it_is_asked_for(
    slides: Path, reading: Any, embed: Embed, upload: Upload, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("EMBED_OCR")
    sizes = reading([])
    embed(upload(slides.with_name("0.png"), "image"))
    assert sizes == []


def test_a_large_picture_is_read_within_bounds_and_a_clear_one_on_white(tmp_path: Path) -> None:
    Image.new("RGBA", (6000, 3000), (0, 0, 0, 0)).save(tmp_path / "a.png")
    width, height, pixels = legible.raw_picture(str(tmp_path / "a.png"))
    assert 2_400_000 < width * height <= 2_500_000
    assert width / height == pytest.approx(2, abs=0.01)
    assert set(pixels) == {255}


@pytest.mark.parametrize("missing", ["rapidocr", "pypdfium2"])
def test_where_it_cannot_be_read_it_is_not_promised(missing: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preflight, "find_spec", lambda name: None if name == missing else object())
    with pytest.raises(ValueError, match=rf"EMBED_OCR=1, but {missing} is not installed here .*\[ocr\]"):
        preflight.check({"EMBED_OCR": "1"})
    preflight.check({})


@needs_ocr
def test_slides_are_read_by_the_real_models(
    slides: Path, light: Any, embed: Embed, upload: Upload, broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EMBED_OCR", "1")
    monkeypatch.setattr(run, "_encoder", lambda: light)
    film, picture = upload(slides, "video"), upload(slides.with_name("1.png"), "image")
    embed(film)
    embed(picture)
    assert [text for _, text in written_in(broker, film.id, light.name)][:2] == list(SLIDES)
    assert written_in(broker, picture.id, light.name) == [(None, SLIDES[1])]


@needs_ocr
def test_a_photograph_without_words_has_none(photos: dict[str, Path]) -> None:
    written = pytest.importorskip("handlers.embedding.reading.written")
    for name in ("chelsea.png", "rocket.jpg", "china.jpg"):
        width, height, pixels = legible.raw_picture(str(photos[name]))
        assert written.read(Image.frombytes("RGB", (width, height), pixels)) == ""


@pytest.fixture
def found(monkeypatch: pytest.MonkeyPatch) -> Callable[[list[str]], Any]:
    """Has a picture read to these lines, one below the other."""
    numpy = pytest.importorskip("numpy", reason=NEEDS)
    written = pytest.importorskip("handlers.embedding.reading.written", reason=NEEDS, exc_type=ImportError)

    def script(lines: list[str]) -> Any:
        boxes = numpy.array([[(0, at), (90, at), (90, at + 20), (0, at + 20)] for at in range(0, 30 * len(lines), 30)])
        answer = SimpleNamespace(txts=tuple(lines) or None, boxes=boxes if lines else None)
        monkeypatch.setattr(written, "_reader", lambda: lambda pixels: answer)
        return written

    return script


def test_a_word_that_goes_on_in_the_next_line_is_one_and_what_is_no_word_is_left_out(found: Any) -> None:
    written = found(["|", "The night fer-", "ry leaves at 9-", "10 from A-"])
    assert written.read(Image.new("RGB", (100, 100))) == "The night ferry leaves at 9-\n10 from A-"
    assert found([]).read(Image.new("RGB", (100, 100))) == ""


@pytest.mark.parametrize("size", [(60_000, 16), (16, 60_000), (900, 3), (10, 10)])
def test_in_what_is_as_narrow_as_a_thread_nothing_is_looked_for(found: Any, size: tuple[int, int]) -> None:
    assert found(["noise"]).read(Image.new("RGB", size)) == ""


@needs_ocr
@pytest.mark.parametrize("size", [(1280, 17), (17, 1280), (9000, 120), (17, 17)])
def test_what_is_hardly_wider_is_looked_at_by_the_real_models(size: tuple[int, int]) -> None:
    written = pytest.importorskip("handlers.embedding.reading.written")
    assert written.read(Image.effect_noise(size, 100).convert("RGB")) == ""
