"""Guards scanned PDFs: what is written on their pages is found, page by page, beside the text of others."""

import logging
import zlib
from collections.abc import Callable, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from broker.broker import Broker
from broker.errors import PermanentError, TransientError
from broker.media.records import info_fields
from handlers.media.bounds import PAGE
from handlers.media.decoding import close, decode_one
from tests.handlers.embedding.conftest import NEEDS, Embed, Upload, context_of

Image = pytest.importorskip("PIL.Image", reason=NEEDS)
large = pytest.importorskip("tests.handlers.media.large", reason=NEEDS, exc_type=ImportError)
scans = pytest.importorskip("tests.handlers.embedding.reading.scans", reason=NEEDS, exc_type=ImportError)
lettering = pytest.importorskip("handlers.embedding.reading.lettering", reason=NEEDS, exc_type=ImportError)
places = pytest.importorskip("handlers.embedding.search.places", reason=NEEDS, exc_type=ImportError)
program = pytest.importorskip("handlers.media.program", reason=NEEDS, exc_type=ImportError)
run = pytest.importorskip("handlers.embedding.run", reason=NEEDS, exc_type=ImportError)
together = pytest.importorskip("handlers.embedding.together", reason=NEEDS, exc_type=ImportError)
needs_drawing = pytest.mark.skipif(find_spec("pypdfium2") is None, reason="pages are not drawn (extra ocr)")
needs_ocr = pytest.mark.skipif(find_spec("rapidocr") is None, reason="text in pictures is not read (extra ocr)")

PROSE = "The night ferry to Crete leaves Piraeus at nine in the evening.\nIt carries cars, lorries and the mail. " * 3
BLANK = scans.Page((), b"")
DRAWN = "handlers.embedding.reading.documents.drawn:raw_page"

#: What is written on a page, or what goes wrong with it.
Written = Mapping[int, str | Exception | None]


@pytest.fixture(scope="module", autouse=True)
def decoders():
    yield
    close()


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> Callable[[Written], list[int]]:
    """Takes what is on each page instead of drawing and reading it; gives the pages that were asked for."""
    monkeypatch.setenv("EMBED_OCR", "1")

    def script(texts: Written) -> list[int]:
        asked: list[int] = []

        def draw(_path: Path, page: int, _seconds: float) -> Any:
            asked.append(page)
            found = texts.get(page)
            if isinstance(found, Exception):
                raise found
            return None if found is None else Image.new("RGB", (page, 1))

        monkeypatch.setattr(lettering, "read_page", draw)
        monkeypatch.setattr(lettering, "_read", lambda picture: texts[picture.width])
        return asked

    return script


@pytest.fixture
def document(
    upload: Upload, tmp_path: Path, light: Any, embed: Embed, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Any]:
    """Uploads a PDF of these pages."""
    monkeypatch.setattr(run, "_encoder", lambda: light)

    def put(*pages: Any, data: bytes = b"") -> Any:
        (path := tmp_path / "ferry.pdf").write_bytes(data or scans.pdf(*pages))
        return upload(path, "document", "7.pdf")

    return put


def parts(broker: Broker, record: Any, light: Any) -> list[tuple[int | None, str, str]]:
    stored = broker.vectors.parts("acme", light.name, [record.id])[record.id]
    return [(part.page, part.matched, part.text.split("\n")[0]) for part in stored]


def test_scanned_pages_among_others_are_read_in_their_places(
    document: Any, written: Any, embed: Embed, broker: Broker, light: Any
) -> None:
    asked = written({2: "Invoice 48213\nPayment is due", 4: None})
    record = document(scans.words(PROSE), BLANK, scans.words(PROSE), BLANK)
    told = embed(record)
    assert asked == [2, 4]
    first = PROSE.split("\n")[0]
    assert parts(broker, record, light) == [(1, "passage", first), (2, "text", "Invoice 48213"), (3, "passage", first)]
    assert (told["vectors"], told["ocr_pages"]) == (3, 2)
    assert "ocr_pages_left_out" not in told


def test_a_stamp_on_a_scan_hides_nothing_of_it_and_a_short_page_is_not_told_twice(
    document: Any, written: Any, embed: Embed, broker: Broker, light: Any
) -> None:
    written({1: "RECEIVED 3 May\nInvoice 48213 of the ferry company", 2: "Part two"})
    record = document(scans.words("RECEIVED 3 May"), scans.words("Part two"))
    embed(record)
    assert parts(broker, record, light) == [
        (1, "passage", "RECEIVED 3 May"),
        (1, "text", "RECEIVED 3 May"),
        (2, "passage", "Part two"),
    ]


@pytest.mark.parametrize(("pages", "says"), [(1, "no text in the 1 page of"), (2, "no text in the 2 pages of")])
def test_a_scan_says_what_is_missing_where_it_is_not_read(
    document: Any, embed: Embed, monkeypatch: pytest.MonkeyPatch, pages: int, says: str
) -> None:
    monkeypatch.delenv("EMBED_OCR", raising=False)
    with pytest.raises(PermanentError, match=says) as refused:
        embed(document(*[BLANK] * pages))
    assert "extra `ocr` and EMBED_OCR=1" in refused.value.message
    assert "\n" not in refused.value.message
    assert len(refused.value.message) < 200


def test_pages_that_are_not_read_are_counted_and_logged(
    document: Any,
    embed: Embed,
    broker: Broker,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.delenv("EMBED_OCR", raising=False)
    with caplog.at_level(logging.INFO):
        told = embed(document(scans.words(PROSE), BLANK))
    assert told["ocr_pages_left_out"] == 1
    assert "ocr_pages" not in told
    assert "no picture is read: 1; scanned pages are read where workers have the extra `ocr`" in caplog.text


@pytest.mark.parametrize("refusal", [PermanentError("it cannot be drawn"), program.Crashed("killed by signal 6")])
def test_a_page_that_cannot_be_drawn_leaves_the_others(
    document: Any,
    written: Any,
    embed: Embed,
    broker: Broker,
    light: Any,
    refusal: Exception,
    caplog: pytest.LogCaptureFixture,
) -> None:
    written({1: refusal, 2: "Invoice 48213", 3: None})
    record = document(BLANK, BLANK, BLANK)
    with caplog.at_level(logging.WARNING):
        told = embed(record)
    assert parts(broker, record, light) == [(2, "text", "Invoice 48213")]
    assert (told["ocr_pages"], told["ocr_pages_left_out"]) == (2, 1)
    assert f"page 1 is left out: {refusal}" in caplog.text


def test_where_no_page_can_be_drawn_it_is_told_why_and_not_tried_again(
    document: Any, written: Any, embed: Embed
) -> None:
    written({1: program.Crashed("killed by signal 6"), 2: PermanentError("something else")})
    with pytest.raises(PermanentError, match=r"no text in the 2 pages .* \(page 1: killed by signal 6\)"):
        embed(document(BLANK, BLANK))


def test_a_worker_that_is_short_of_memory_is_no_fault_of_the_page(document: Any, written: Any, embed: Embed) -> None:
    written({1: TransientError("killed by signal 9"), 2: "Invoice 48213"})
    with pytest.raises(TransientError, match="signal 9"):
        embed(document(BLANK, BLANK))


def test_of_many_pages_some_are_read_all_over_the_document(
    document: Any, written: Any, embed: Embed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lettering, "_MOST_PAGES", 3)
    asked = written({1: "one", 4: "four", 7: "seven"})
    told = embed(document(*[BLANK] * 7))
    assert asked == [1, 4, 7]
    assert (told["ocr_pages"], told["ocr_pages_left_out"]) == (3, 4)


def test_reading_takes_half_of_the_tasks_time_at_most(
    document: Any, written: Any, broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = written(dict.fromkeys(range(1, 9), "a word"))
    context = context_of(broker, document(*[BLANK] * 8))
    monkeypatch.setattr(context, "seconds_left", lambda: 80.0 - 10 * len(asked))
    told = run.embed(context)
    assert asked == [1, 2, 3, 4, 5]
    assert (told["ocr_pages"], told["ocr_pages_left_out"]) == (5, 3)


def test_where_there_is_no_time_to_read_anything_that_is_told(
    document: Any, written: Any, broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    written({})
    context = context_of(broker, document(BLANK))
    left = iter([60.0, 60.0])  # for its text, and when the pages begin
    monkeypatch.setattr(context, "seconds_left", lambda: next(left, 1.0))
    with pytest.raises(PermanentError, match="no time"):
        run.embed(context)


def test_what_was_read_is_still_told_after_what_is_said_of_it_has_come(
    document: Any, written: Any, broker: Broker
) -> None:
    written({1: "Invoice 48213", 2: PermanentError("no")})
    record = document(BLANK, BLANK)
    context = context_of(broker, record)
    run.embed(context)
    broker.redis.hset(broker.keys.media(record.id), mapping=info_fields(context.attached[record.id]))
    told = run.embed(context_of(broker, record, speech_only=True))
    assert (told["ocr_pages"], told["ocr_pages_left_out"]) == (1, 1)


def test_a_pdf_that_may_take_long_to_read_keeps_no_others_waiting(
    document: Any, written: Any, broker: Broker, light: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = written({})
    context = context_of(broker, document(scans.words(PROSE), BLANK))
    assert together.TOGETHER.prepare(context) is None
    assert asked == []
    monkeypatch.delenv("EMBED_OCR")
    assert together.TOGETHER.prepare(context) is not None


# pages are drawn -----------------------------------------------------------------------------------------------------


def drawn(data: bytes, tmp_path: Path, page: int = 1) -> Any:
    """In a decoder, as a worker child has it done."""
    (path := tmp_path / "a.pdf").write_bytes(data)
    raw = decode_one(DRAWN, str(path), page, limits=PAGE, seconds=60)
    return None if raw is None else Image.frombytes("RGB", (raw[0], raw[1]), raw[2])


def unlike(one: Any, other: Any) -> float:
    """Part of the pixels in which two pictures differ, in a quarter of their size."""
    size = one.width // 4, one.height // 4
    pixels = [each.convert("L").resize(size).tobytes() for each in (one, other)]
    return sum(abs(a - b) > 96 for a, b in zip(*pixels, strict=True)) / len(pixels[0])


PAPER = scans.paper("Invoice 48213\nPayment is due in 30 days", height=60)
PACKED = {
    "JPEG": scans.jpeg(PAPER),
    "grey JPEG": scans.jpeg(PAPER.convert("L")),
    "JPEG for print": scans.jpeg(PAPER.convert("CMYK")),
    "JPEG 2000": scans.jpeg_2000(PAPER),
    "deflate": scans.flate(PAPER),
    "deflated bits": scans.flate(PAPER.convert("1")),
    "fax": scans.fax(PAPER.convert("1")),
    "JBIG2": scans.jbig2(PAPER.convert("1")),
    "stencil": scans.stencil(PAPER.convert("1")),
}


@needs_drawing
@pytest.mark.parametrize("packed", PACKED.values(), ids=PACKED)
def test_a_scan_is_drawn_however_it_is_packed(packed: Any, tmp_path: Path) -> None:
    page = drawn(scans.pdf(scans.Page([packed])), tmp_path)
    assert page.width * page.height == pytest.approx(2_500_000, rel=0.01)
    assert unlike(page, PAPER.resize(page.size)) < 0.001


@needs_drawing
@pytest.mark.parametrize("degrees", [90, 180, 270])
def test_a_page_that_lies_on_its_side_is_drawn_upright(degrees: int, tmp_path: Path) -> None:
    lying = scans.jpeg(PAPER.rotate(degrees, expand=True))
    box = b"/MediaBox [0 0 842 595]" if degrees % 180 else b"/MediaBox [0 0 595 842]"
    across = b"q 842 0 0 595 0 0 cm /P0 Do Q" if degrees % 180 else scans.PLACED
    page = drawn(scans.pdf(scans.Page([lying], across, box + b" /Rotate %d" % degrees)), tmp_path)
    assert unlike(page, PAPER.resize(page.size)) < 0.001


@needs_drawing
def test_strips_are_put_together_as_they_lie_on_the_page(tmp_path: Path) -> None:
    """In whatever order they are stored; with letters of another colour on top, as small scans are made of."""
    width, height = PAPER.size
    strips = [scans.jpeg(PAPER.crop((0, height * at // 4, width, height * (at + 1) // 4))) for at in (2, 0, 3, 1)]
    places = zip((2, 0, 3, 1), range(4), strict=True)
    content = b" ".join(b"q 595 0 0 210.5 0 %f cm /P%d Do Q" % (842 - 210.5 * (at + 1), name) for at, name in places)
    page = drawn(scans.pdf(scans.Page(strips, content)), tmp_path)
    assert unlike(page, PAPER.resize(page.size)) < 0.001


HOSTILE = {
    "JPEG that claims 1,600 megapixels": (
        b"/Width 40000 /Height 40000 /Filter /DCTDecode",
        large.flat_jpeg(40_000, 40_000),
    ),
    "bomb": (b"/Width 30000 /Height 30000 /Filter /FlateDecode", zlib.compress(bytes(2**26), 9)),
    "JPEG that is none": (b"/Width 1240 /Height 1754 /Filter /DCTDecode", b"\xff\xd8\xff nothing"),
    "unknown filter": (b"/Width 1240 /Height 1754 /Filter /NobodyDecode", b"nothing"),
    "no pixels": (b"/Width 0 /Height 0 /Filter /FlateDecode", b""),
    "negative": (b"/Width -5 /Height -5 /Filter /FlateDecode", b""),
}


@needs_drawing
@pytest.mark.parametrize(("attributes", "data"), HOSTILE.values(), ids=HOSTILE)
def test_what_hides_that_it_cannot_be_decoded_is_refused_and_not_taken_for_empty(
    attributes: bytes, data: bytes, tmp_path: Path
) -> None:
    hostile = scans.Picture(attributes + b" /BitsPerComponent 8 /ColorSpace /DeviceRGB", data)
    with pytest.raises(PermanentError, match="damaged, or its pictures are, or have too many pixels"):
        drawn(scans.pdf(scans.Page([hostile])), tmp_path)


@needs_drawing
@pytest.mark.parametrize(("progressive", "most"), [(False, 100), (True, 800)])
def test_a_page_of_200_megapixels_is_drawn_in_the_memory_that_it_may_take(
    progressive: bool, most: int, tmp_path: Path
) -> None:
    """MiB beside a decoder that is idle: what was measured, and a tenth to a half more."""
    attributes = b"/Width 16384 /Height 12288 /BitsPerComponent 8 /ColorSpace /DeviceRGB /Filter /DCTDecode"
    picture = scans.Picture(attributes, large.flat_jpeg(16_384, 12_288, progressive=progressive))
    content = scans.PLACED + b" BT /F1 12 Tf 72 700 Td (Beside it) Tj ET"
    (path := tmp_path / "a.pdf").write_bytes(scans.pdf(scans.Page([picture], content)))
    close()
    peak, raw = decode_one("tests.handlers.media.measured:peak", DRAWN, str(path), 1, limits=PAGE, seconds=60)
    assert raw
    assert peak <= most


@needs_drawing
def test_of_pages_only_what_shows_something_is_to_be_read(tmp_path: Path) -> None:
    empty = scans.Page([scans.fax(Image.new("1", scans.A4, 1))])
    data = scans.pdf(empty, BLANK, scans.words("7"))
    assert [drawn(data, tmp_path, page) is None for page in (1, 2, 3)] == [True, True, False]


@needs_drawing
def test_a_small_page_is_not_made_larger_than_it_can_be_read(tmp_path: Path) -> None:
    small = scans.Page([scans.jpeg(PAPER)], b"q 144 0 0 72 0 0 cm /P0 Do Q", b"/MediaBox [0 0 144 72]")
    assert drawn(scans.pdf(small), tmp_path).size == (600, 300)


@needs_ocr
@needs_drawing
def test_a_skewed_and_noisy_scan_is_found_by_page_with_the_words_marked(
    document: Any, embed: Embed, broker: Broker, light: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EMBED_OCR", "1")
    letter = scans.paper("Harbour office of Piraeus\nThe night ferry to Crete is cancelled\nbecause of the storm.")
    pages = [
        scans.words(PROSE),
        scans.Page([scans.jpeg(scans.scanned(letter))]),
        scans.Page([scans.fax(scans.scanned(PAPER, -2).point(lambda value: 255 * (value > 150)).convert("1"))]),
    ]
    record = document(*pages)
    assert embed(record)["ocr_pages"] == 2
    stored = broker.vectors.parts("acme", light.name, [record.id])[record.id]
    vectors = broker.vectors.get("acme", light.name, record.id)
    assert vectors
    question = "when is the invoice to be paid"
    best = places.places(question, light.queries([question]), vectors, stored, "7.pdf")[0]
    assert (best["matched"], best["page"]) == ("text", 3)
    assert [best["text"][start:end] for start, end in best["marks"]] == ["Invoice"]
    assert [part.text for part in stored if part.page == 2] == [
        "Harbour office of Piraeus\nThe night ferry to Crete is cancelled\nbecause of the storm."
    ]
