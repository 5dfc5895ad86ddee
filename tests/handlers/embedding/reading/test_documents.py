"""Guards the reading of documents: the words that a reader sees, in their places; what is hostile is refused soon."""

import random
import tracemalloc
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from broker.errors import PermanentError
from handlers.media.bounds import DOCUMENT
from handlers.media.decoding import close, decode

pypdf = pytest.importorskip("pypdf", reason="needs the extra embed")
generic = pytest.importorskip("pypdf.generic", reason="needs the extra embed")
section = pytest.importorskip("handlers.embedding.reading.documents.section")

WORD = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
#: In a file of ours: (text, page, start, end, whether it was cut).
Read = Callable[[bytes, str], list[tuple]]


@pytest.fixture(scope="module", autouse=True)
def decoders():
    yield
    close()


#: Who takes more seconds of a processor is ended by the kernel, and told something else.
BRIEF = replace(DOCUMENT, seconds=20.0)


@pytest.fixture
def read(tmp_path: Path) -> Read:
    """Reads a document in a decoder, as a worker child has it read."""

    def go(data: bytes, content_type: str) -> list[tuple]:
        path = tmp_path / "document"
        path.write_bytes(data)
        function = "handlers.embedding.reading.documents.read:raw_sections"
        return [tuple(each)[:5] for each in decode(function, str(path), content_type, limits=BRIEF, seconds=50)]

    return go


def pdf(*pages: str, catalogue: bytes = b"", filters: str = "", data: bytes | None = None) -> bytes:
    """A PDF of one line of text a page; of ``data`` the pages' streams instead, packed as ``filters`` says."""
    streams = [data if data is not None else f"BT /F1 12 Tf 72 700 Td ({page}) Tj ET".encode() for page in pages]
    count = len(pages)
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R " + catalogue + b">>",
        f"<< /Type /Pages /Kids [{' '.join(f'{4 + 2 * at} 0 R' for at in range(count))}] /Count {count} >>".encode(),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    ]
    for at, stream in enumerate(streams):
        objects += [
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents {5 + 2 * at} 0 R "
            "/Resources << /Font << /F1 3 0 R >> >> >>".encode(),
            f"<< /Length {len(stream)} {filters} >>\nstream\n".encode() + stream + b"\nendstream",
        ]
    body, offsets = b"%PDF-1.4\n", []
    for number, each in enumerate(objects, 1):
        offsets.append(len(body))
        body += f"{number} 0 obj\n".encode() + each + b"\nendobj\n"
    table = "".join(f"{offset:010} 00000 n \n" for offset in offsets)
    size = len(objects) + 1
    return (
        body
        + f"xref\n0 {size}\n0000000000 65535 f \n{table}trailer << /Root 1 0 R /Size {size} >>\n".encode()
        + f"startxref\n{len(body)}\n%%EOF".encode()
    )


def form(path: Path) -> bytes:
    """One page with fields and remarks, of which some are for nobody's eyes, or broken."""
    text = {"/Subtype": "/Widget", "/FT": "/Tx"}
    (path / "plain.pdf").write_bytes(pdf("Application"))
    writer = pypdf.PdfWriter(clone_from=path / "plain.pdf")
    parent = writer._add_object(generic.DictionaryObject({generic.NameObject("/V"): generic.TextStringObject("Zoe")}))
    members = [
        text | {"/V": "Bartholomew"},
        {"/Subtype": "/Widget", "/FT": "/Tx", "/Parent": parent},
        text | {"/V": "hidden", "/Ff": 1 << 13},
        text | {"/V": 5},
        text | {"/Parent": generic.NullObject()},
        {"/Subtype": "/Widget", "/FT": "/Btn", "/V": "Off"},
        {"/Subtype": "/FreeText", "/Contents": "in the margin"},
    ]
    annotations = [generic.DictionaryObject(map(_member, each.items())) for each in members]
    writer.pages[0][generic.NameObject("/Annots")] = generic.ArrayObject([generic.NumberObject(1), *annotations])
    writer.write(path / "form.pdf")
    return (path / "form.pdf").read_bytes()


def _member(member: tuple[str, Any]) -> tuple[Any, Any]:
    name, value = member
    if isinstance(value, str):
        value = generic.NameObject(value) if value.startswith("/") else generic.TextStringObject(value)
    return generic.NameObject(name), generic.NumberObject(value) if type(value) is int else value


def locked(password: str, tmp_path: Path) -> bytes:
    source = tmp_path / "open.pdf"
    source.write_bytes(pdf("secret words"))
    writer = pypdf.PdfWriter(clone_from=source)
    writer.encrypt(user_password=password, owner_password="owner", algorithm="AES-256")
    writer.write(tmp_path / "locked.pdf")
    return (tmp_path / "locked.pdf").read_bytes()


def word(
    *paragraphs: str,
    name: str = "word/document.xml",
    body: bytes | None = None,
    path: Path,
    xmlns: str = "http://schemas.openxmlformats.org/wordprocessingml/2006/main",
    relationships: str = "",
) -> bytes:
    inside = "".join(f"<w:p><w:r><w:t>{each}</w:t></w:r></w:p>" for each in paragraphs)
    xml = f'<?xml version="1.0"?><w:document xmlns:w="{xmlns}"><w:body>{inside}</w:body></w:document>'.encode()
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("[Content_Types].xml", "<Types/>")
        if relationships:
            archive.writestr("_rels/.rels", relationships)
        archive.writestr(name, xml if body is None else body)
    return path.read_bytes()


def test_a_pdf_is_read_page_by_page(read: Read) -> None:
    found = read(pdf("The first page", "", "The third"), "application/pdf")
    assert [(text.strip(), page) for text, page, *_ in found] == [("The first page", 1), ("", 2), ("The third", 3)]


def test_a_pdf_that_anybody_may_open_is_read(read: Read, tmp_path: Path) -> None:
    assert read(locked("", tmp_path), "application/pdf")[0][0].strip() == "secret words"


def test_word_documents_are_read_by_paragraphs(read: Read, tmp_path: Path) -> None:
    data = word("One &amp; two", "Three", path=tmp_path / "a.docx")
    assert read(data, WORD) == [("One & two\n\nThree\n\n", None, None, None, False)]


def test_word_documents_of_the_strict_edition_are_read(read: Read, tmp_path: Path) -> None:
    strict = "http://purl.oclc.org/ooxml/wordprocessingml/main"
    assert read(word("Two", "Three", path=tmp_path / "a.docx", xmlns=strict), WORD)[0][0] == "Two\n\nThree\n\n"


def test_the_main_part_of_a_word_document_lies_where_the_archive_says(read: Read, tmp_path: Path) -> None:
    kind = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    relationships = (
        '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
        f'<Relationship Id="r1" Type="{kind}/extended-properties" Target="docProps/app.xml"/>'
        f'<Relationship Id="r2" Type="{kind}/officeDocument" Target="/word/document2.xml"/></Relationships>'
    )
    data = word("Elsewhere", name="word/document2.xml", relationships=relationships, path=tmp_path / "a.docx")
    assert read(data, WORD)[0][0] == "Elsewhere\n\n"


def test_of_word_documents_notes_are_read_and_what_is_there_for_older_programs_is_not(
    read: Read, tmp_path: Path
) -> None:
    main = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
    mc = "http://schemas.openxmlformats.org/markup-compatibility/2006"
    box = "<w:p><w:r><w:t>Boxed</w:t></w:r></w:p>"
    body = (
        f'<w:document xmlns:w="{main}" xmlns:mc="{mc}"><mc:AlternateContent><mc:Choice>{box}</mc:Choice>'
        f"<mc:Fallback>{box}</mc:Fallback></mc:AlternateContent><w:p><w:t>Text</w:t></w:p></w:document>"
    )
    word(body=body.encode(), path=tmp_path / "a.docx")
    with zipfile.ZipFile(tmp_path / "a.docx", "a") as archive:
        for name in ("header2", "footer1", "footnotes", "comments", "settings"):
            part = f'<w:part xmlns:w="{main}"><w:p><w:t>{name}</w:t></w:p></w:part>'
            archive.writestr(f"word/{name}.xml", part)
        archive.writestr("other/footnotes.xml", part)
    ((text, *_),) = read((tmp_path / "a.docx").read_bytes(), WORD)
    assert text.split() == ["Boxed", "Text", "comments", "footnotes", "footer1", "header2"]


def test_of_word_documents_formulas_and_hyphens_are_read(read: Read, tmp_path: Path) -> None:
    main = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
    math = "http://schemas.openxmlformats.org/officeDocument/2006/math"
    body = (
        f'<w:document xmlns:w="{main}" xmlns:m="{math}"><w:p><w:t>X</w:t><w:noBreakHyphen/><w:t>ray: </w:t>'
        "<m:oMath><m:r><m:t>E=mc</m:t></m:r></m:oMath></w:p></w:document>"
    )
    assert read(word(body=body.encode(), path=tmp_path / "a.docx"), WORD)[0][0].strip() == "X-ray: E=mc"


def test_of_html_only_what_is_shown_is_read(read: Read) -> None:
    page = (
        "<!doctype html><html><head><title>Night <b>trains</b></title><style>p { color: red }</style></head><body>"
        "<h1>Where</h1><p>To <em>Vien</em>na&nbsp;&amp; back<script>alert('x')</script><br>tomorrow"
        "<p>A<img src=x alt='black kite'><img src=y>here"
        "<ul><li>one<li>two</ul>"
    )
    ((text, *_),) = read(page.encode(), "text/html")
    assert text.split("\n\n") == [
        "Night trains",
        "Where",
        "To Vienna & back",
        "tomorrow",
        "A black kite here",
        "one",
        "two",
    ]


@pytest.mark.parametrize(
    "head",
    ["<head><title>Night</title>", "<head><meta charset=utf-8><title>Night</title></head>", "<title>Night</title>"],
)
def test_of_html_tags_that_may_be_left_out_are_not_waited_for(read: Read, head: str) -> None:
    page = f"<!doctype html><html>{head}<script>hidden()</script><style>p {{}}</style><p>Trains to Vienna"
    ((text, *_),) = read(page.encode(), "text/html")
    assert text.split("\n\n") == ["Night", "Trains to Vienna"]


def test_of_html_words_are_whole_whatever_is_marked_in_them(read: Read) -> None:
    page = "<html><body><p>re<ins>con</ins>sider <del>un</del>safe <big>B</big>ig <label>Na</label>me"
    assert read(page.encode(), "text/html")[0][0] == "reconsider unsafe Big Name"
    cue = b"WEBVTT\n\n00:01.000 --> 00:02.000\nun<c.yellow>for</c>get<lang fr>table</lang>\n"
    assert read(cue, "text/vtt")[0][0] == "unforgettable"


@pytest.mark.parametrize(
    "ruby",
    [
        "<ruby>東<rt>とう</rt></ruby><ruby>京<rt>きょう</rt></ruby>",
        "<ruby>東<rp>(</rp><rt>とう</rt><rp>)</rp>京<rp>(</rp><rt>きょう</rt><rp>)</rp></ruby>",
        "<ruby>東<rt>とう<rb>京<rt>きょう</ruby>",
        "<ruby>東京<rp>(<rt>とうきょう<rp>)</ruby>",
    ],
)
def test_letters_that_are_told_how_to_read_stay_together(read: Read, ruby: str) -> None:
    ((text, *_),) = read(f"<html><body><p>私は{ruby}駅へ行く<p>次".encode(), "text/html")
    assert text.split("\n\n") == ["私は東京駅へ行く", "とうきょう", "次"]


@pytest.mark.parametrize("encoding", ["koi8-r", "windows-1251", "Shift_JIS", "gb2312", "iso-2022-jp"])
def test_a_page_is_read_in_the_encoding_that_it_declares(read: Read, encoding: str) -> None:
    words = "Кошка" if encoding in ("koi8-r", "windows-1251") else "日本"
    html = f"<html><head><meta charset='{encoding}'></head><body><p>{words}".encode(encoding)
    assert read(html, "text/html")[0][0] == words
    assert read(f"<html><meta charset={encoding}><p>Größe".encode(), "text/html")[0][0] == "Größe", "it is UTF-8"


@pytest.mark.parametrize("section", ["<![-->", "<![%gt;[", "<![foo[ x ]]>"])
def test_of_html_what_is_no_section_is_left_out(read: Read, section: str) -> None:
    ((text, *_),) = read(f"<html><body><p>Before{section} behind".encode(), "text/html")
    assert text.startswith("Before")
    assert text.endswith("behind")


@pytest.mark.parametrize("content_type", ["text/html", "text/markdown"])
@pytest.mark.parametrize(
    "begun", ["<!--", "<!-- >", "<?x ", "<![CDATA[", "<script", "<a b='", "<a x='><a ' "], ids=ascii
)
def test_what_never_ends_is_passed_over_in_one_go(read: Read, content_type: str, begun: str) -> None:
    """A look to the end of the text for each of these would take longer than the decoder has."""
    ((text, *_),) = read(("<p>Before</p>" + begun * (1_000_000 // len(begun))).encode(), content_type)
    assert text.startswith("Before")


def test_the_number_of_no_character_does_no_harm(read: Read) -> None:
    ((text, *_),) = read(f"<p>Before &#{'9' * 5000}; behind".encode(), "text/html")
    assert text == "Before \ufffd behind"


def test_what_is_filled_in_and_remarked_on_a_page_is_read(read: Read, tmp_path: Path) -> None:
    ((text, page, *_),) = read(form(tmp_path), "application/pdf")
    assert (text.split("\n\n"), page) == (["Application", "Bartholomew", "Zoe", "in the margin"], 1)


def test_of_markdown_the_words_are_read_without_marks_and_addresses(read: Read) -> None:
    text = "# Ferry\n\nTo **Crete**, see [the plan](http://example.org/x).\nDaily.\n\n"
    text += "| a | b |\n|---|---|\n| 1 | 2 |\n\n    code\n"
    ((found, *_),) = read(text.encode(), "text/markdown")
    assert found.split("\n\n") == ["Ferry", "To Crete, see the plan.\nDaily.", "a", "b", "1", "2", "code\n"]


def test_of_markdown_pieces_of_html_are_read_as_they_are_seen(read: Read) -> None:
    text = "# Zeppelin\n<div align=center>A <b>hall</b> &amp; more</div>\n\nPlain <b>bold</b>, x &lt; y\n\n"
    text += (
        "<details><summary>More</summary>\n\ninside\n\n</details>\n\n<script>\nhidden()\n</script>\n\n<!-- hidden -->\n"
    )
    ((found, *_),) = read(text.encode(), "text/markdown")
    assert found.split("\n\n") == ["Zeppelin", "A hall & more", "Plain bold, x < y", "More", "inside"]


def test_of_markdown_what_lies_deep_is_read_and_so_is_what_follows(read: Read) -> None:
    """Programs that make outlines write their levels as lists in lists."""
    outline = "".join(f"{'  ' * level}- level {level}\n" for level in range(40))
    ((text, *_),) = read(f"{outline}\nbehind it\n\n{'> ' * 60}quoted\n".encode(), "text/markdown")
    assert text.split("\n\n") == [*(f"level {level}" for level in range(40)), "behind it", "quoted"]


@pytest.mark.parametrize(
    "encoded",
    ["Größe: 5 €".encode(), b"\xef\xbb\xbf" + "Größe: 5 €".encode(), "Größe: 5 €".encode("utf-16"),
     "\ufeffGröße: 5 €".encode("utf-16-be"), "Größe: 5 €".encode("utf-16-le"), "Größe: 5 €".encode("utf-16-be"),
     "Größe: 5 €".encode("cp1252")],
    ids=["utf-8", "with a mark", "utf-16", "utf-16-be", "without a mark", "utf-16-be without", "cp1252"],
)  # fmt: skip
def test_text_of_usual_encodings_is_read(read: Read, encoded: bytes) -> None:
    assert read(encoded, "text/plain") == [("Größe: 5 €", None, None, None, False)]


def test_subtitles_become_stretches_with_their_times(read: Read) -> None:
    vtt = (
        "WEBVTT\n\nNOTE not said\n\n1\n00:01.000 --> 00:02.500 align:start\n<v Ann>Good <i>morning</i>\n\n"
        "00:02.500 --> 00:04.000\neverybody.\n\n01:00:00.000 --> 01:00:01.000\nGood bye &amp; thanks\n"
    )
    srt = vtt.replace("WEBVTT\n\nNOTE not said\n\n", "").replace(".000", ",000").replace(".500", ",500")
    expected = [
        ("Good morning everybody.", None, 1.0, 4.0, False),
        ("Good bye & thanks", None, 3600.0, 3601.0, False),
    ]
    assert read(vtt.encode(), "text/vtt") == expected
    assert read(srt.replace("\n", "\r\n").encode(), "application/x-subrip") == expected


def test_times_of_subtitles_are_taken_as_they_are_found(read: Read) -> None:
    srt = "-00:00:01,000 --> 0:0:2,5\nEarly.\n\n100:00:01 --> 100:00:03\nLate.\n"
    assert read(srt.encode(), "application/x-subrip") == [
        ("Early.", None, 0.0, 2.5, False),
        ("Late.", None, 360_001.0, 360_003.0, False),
    ]


def test_a_cue_of_subrip_goes_on_behind_an_empty_line(read: Read) -> None:
    srt = "1\n00:00:01,000 --> 00:00:02,000\nIn the year\n\n1984\n\n2\n00:01:00,000 --> 00:01:02,000\n"
    srt += "later\n\nseven\n\n7\n"
    expected = [("In the year 1984", None, 1.0, 2.0, False), ("later seven 7", None, 60.0, 62.0, False)]
    assert read(srt.encode(), "application/x-subrip") == expected
    assert read(srt.replace("\n", "\r\n").encode(), "application/x-subrip") == expected
    vtt = "WEBVTT\n\n00:01.000 --> 00:02.000\nSaid\n\nNOTE not said\n"
    assert read(vtt.encode(), "text/vtt")[0][0] == "Said"


def test_times_of_single_words_are_not_read_and_cues_out_of_order_stay_apart(read: Read) -> None:
    vtt = "WEBVTT\n\n01:00.000 --> 01:01.000\nwe<00:01:00.200><c> were</c><00:01:00.500><c> heard</c>\n\n"
    vtt += "00:01.000 --> 00:02.000\nbefore\n"
    assert read(vtt.encode(), "text/vtt") == [
        ("we were heard", None, 60.0, 61.0, False),
        ("before", None, 1.0, 2.0, False),
    ]


def test_what_rolls_up_line_by_line_is_read_once(read: Read) -> None:
    """As programs that listen write it: each line grows by words, stands, and is shown above the next."""
    cues = {
        "00:01.000 --> 00:02.000": " \nthe<00:00:01.200><c> tide</c>",
        "00:02.000 --> 00:02.010": "the tide\n ",
        "00:02.010 --> 00:03.000": "the tide\ncomes<00:00:02.500><c> in</c>",
        "00:03.000 --> 00:03.010": "comes in\n ",
        "00:03.010 --> 00:04.000": "comes in\nby<00:00:03.500><c> noon</c>",
    }
    vtt = "WEBVTT\n\n" + "\n\n".join(f"{times}\n{words}" for times, words in cues.items())
    assert read(vtt.encode(), "text/vtt") == [("the tide comes in by noon", None, 1.0, 4.0, False)]


def test_commands_in_subtitles_that_do_not_end_take_no_long(read: Read) -> None:
    """With a look at all that is left for each of them it were more than the time there is."""
    ((text, *_),) = read(b"1\n00:00:01,000 --> 00:00:02,000\nSaid" + b"{\\" * 300_000, "application/x-subrip")
    assert text.startswith("Said")


def test_a_transcript_becomes_stretches_with_their_times(read: Read) -> None:
    words = ",".join(f'{{"text": "w{at}", "start": {at * 400}, "end": {at * 400 + 300}}}' for at in range(100))
    found = read(f'{{"text": "x", "other": [1], "words": [{words}]}}'.encode(), "application/json")
    assert [(each[0].split()[0], each[2], each[3]) for each in found] == [("w0", 0.0, 23.9), ("w60", 24.0, 39.9)]
    assert read(b'{"text": "only text", "words": null}', "application/json")[0][0] == "only text"


def bomb(levels: int) -> bytes:
    """150 MB of blanks, deflated once or several times."""
    data = b" " * 150_000_000
    for _ in range(levels):
        data = zlib.compress(data, 9)
    return data


def entities() -> bytes:
    names = [f'<!ENTITY e{at} "{f"&e{at - 1};" * 50}">' for at in range(1, 9)]
    return f'<!DOCTYPE d [<!ENTITY e0 "lol">{"".join(names)}]><d>&e8;</d>'.encode()


UNKNOWN = b'<?xml version="1.0" encoding="x-nobody"?><d/>'


HOSTILE = {
    "empty pdf": ("application/pdf", lambda _: b"", "cannot be read as a PDF"),
    "cut pdf": ("application/pdf", lambda _: pdf("words")[:200], "cannot be read as a PDF"),
    "junk pdf": ("application/pdf", lambda _: b"%PDF-1.4\n" + random.Random(1).randbytes(5000), "cannot be read as"),
    "locked pdf": ("application/pdf", lambda path: locked("user", path), "encrypted with a password"),
    "pdf without pages": ("application/pdf", lambda _: pdf(), "has no pages"),
    "pdf bomb": (
        "application/pdf",
        lambda _: pdf("x", data=bomb(1), filters="/Filter /FlateDecode"),
        "cannot be read as a PDF",
    ),
    "nested pdf bomb": (
        "application/pdf",
        lambda _: pdf("x", data=bomb(3), filters="/Filter [/FlateDecode /FlateDecode /FlateDecode]"),
        "cannot be read as a PDF",
    ),
    "pdf whose pages are their own parents": (
        "application/pdf",
        lambda _: pdf("x").replace(b"/Kids [4 0 R]", b"/Kids [2 0 R]"),
        "PDF",
    ),
    "docx bomb": (WORD, lambda path: word(path=path / "b", body=b" " * 70_000_000), "unpacks to more than 64 MiB"),
    "docx of entities": (WORD, lambda path: word(path=path / "e", body=entities()), "cannot be read as a Word"),
    "docx that breaks off": (WORD, lambda path: word(path=path / "o", body=b"<d><p>x"), "cannot be read as a Word"),
    "spreadsheet": (WORD, lambda path: word(name="xl/workbook.xml", path=path / "x"), "cannot be read as a Word"),
    "cut docx": (WORD, lambda path: word("words", path=path / "c")[:150], "cannot be read as a Word"),
    "docx of an unknown encoding": (WORD, lambda path: word(path=path / "u", body=UNKNOWN), "cannot be read as a Word"),
    "binary text": ("text/plain", lambda _: random.Random(2).randbytes(100_000), "is not text"),
    "blank text": ("text/plain", lambda _: b" \n\t\n", "no text"),
    "deep html": ("text/html", lambda _: b"<div>" * 200_000, "no text"),
    "deep markdown": ("text/markdown", lambda _: b">" * 200_000, "no text"),
    "no subtitles": ("text/vtt", lambda _: b"WEBVTT\n\nhello", "no cues"),
    "no transcript": ("application/json", lambda _: b'{"words": [1]}', "no transcript"),
    "unknown": ("application/msword", lambda _: b"", "application/msword cannot be read"),
}


@pytest.mark.parametrize(("content_type", "make", "says"), HOSTILE.values(), ids=HOSTILE)
def test_what_cannot_be_read_is_refused_in_one_line_within_seconds(
    read: Read, tmp_path: Path, content_type: str, make: Callable[[Path], bytes], says: str
) -> None:
    """In the decoder: what it takes there is bounded by the kernel, and nothing of it reaches the worker child."""
    data = make(tmp_path)
    tracemalloc.start()
    try:
        with pytest.raises(PermanentError, match=says) as refused:
            read(data, content_type)
        assert tracemalloc.get_traced_memory()[1] < 20 * 2**20
    finally:
        tracemalloc.stop()
    assert "\n" not in refused.value.message
    assert len(refused.value.message) < 200


def test_a_thousand_pages_are_read_and_of_a_million_characters_the_first(read: Read) -> None:
    found = read(pdf(*(f"page {number}" for number in range(1, 1001))), "application/pdf")
    assert [page for _, page, *_ in found] == list(range(1, 1001))
    (text, *_, cut), *more = read(b"a word and " * 150_000, "text/plain")
    assert (len(text), cut, more) == (section.MAX_CHARACTERS, True, [])


@pytest.mark.parametrize(
    ("size", "content_type", "decoders"),
    [(40, "text/plain", 0), (65_536, "text/plain", 0), (65_537, "text/plain", 1), (40, "text/markdown", 1)],
)
def test_only_short_plain_text_is_read_without_a_decoder(
    size: int, content_type: str, decoders: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    decoded = pytest.importorskip("handlers.embedding.reading.decoded")
    asked: list[str] = []

    def counted(function: str, *arguments: str, **options: Any) -> Any:
        asked.append(function)
        return decode(function, *arguments, **options)

    monkeypatch.setattr(decoded, "decode", counted)
    (path := tmp_path / "document").write_text("x" * size)
    assert [each.text for each in decoded.read_sections(path, content_type, 50.0)] == ["x" * size]
    assert len(asked) == decoders


def test_text_that_is_none_is_refused_with_and_without_a_decoder(tmp_path: Path) -> None:
    decoded = pytest.importorskip("handlers.embedding.reading.decoded")
    for size in (40, 70_000):
        (path := tmp_path / "document").write_bytes(b"\0" * size)
        with pytest.raises(PermanentError, match="is not text"):
            decoded.read_sections(path, "text/plain", 50.0)
