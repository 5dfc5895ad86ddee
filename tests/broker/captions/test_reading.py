"""Captions as people send them: what is shown of them, and what is said of those that are wrong."""

import tracemalloc
from contextlib import suppress

import pytest

from broker.captions.cues import Cue, webvtt
from broker.captions.reading import MAX_BYTES, InvalidCaptions, read_captions

SRT = """1
00:00:01,000 --> 00:00:02,500
Hello <b>there</b>, <font color="red">you</font> & <me>

2
00:00:03,000 --> 00:00:04,000
{\\an8}I <3 you
"""
VTT = """WEBVTT Kind: captions
X-TIMESTAMP-MAP=MPEGTS:900000,LOCAL:00:00:00.000

STYLE
::cue { background: url(https://example.com/spy) }

NOTE who reads this?

intro
00:01.000 --> 00:02.000 align:start line:0 region:fred position:10%
<v Mary>Tea &amp; <i>cake</i></v> <script>alert(1)</script>
- and a second line
"""


def test_subrip_is_shown_as_players_of_subrip_show_it() -> None:
    assert read_captions(SRT.encode()) == [
        Cue(1000, 2500, "Hello <b>there</b>, you &amp;"),
        Cue(3000, 4000, "I &lt;3 you", "line:0"),
    ]


def test_of_webvtt_text_tags_and_places_are_kept_and_nothing_else() -> None:
    text = "<v Mary>Tea &amp; <i>cake</i></v> alert(1)\n- and a second line"
    assert read_captions(VTT.encode()) == [Cue(1000, 2000, text, "align:start line:0 position:10%")]


def test_what_is_written_can_be_read_again() -> None:
    cues = [Cue(3_600_000, 3_601_001, "later"), Cue(0, 99, "a\nb &lt;c&gt;", "line:0")]
    assert read_captions(webvtt(cues).encode()) == sorted(cues, key=lambda cue: cue.start)


@pytest.mark.parametrize("data", [SRT.encode("utf-8-sig"), SRT.encode("utf-16"), SRT.replace("\n", "\r\n").encode()])
def test_text_as_editors_of_every_system_write_it(data: bytes) -> None:
    assert len(read_captions(data)) == 2


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("1\n00:00:01,000 -> 00:00:02,000\nx\n", 1, "expected a cue"),
        ("1\n00:00:01,000 --> soon\nx\n", 2, "no times"),
        ("1\n00:00:01,000 --> 00:00:01,000\nx\n", 2, "ends before it begins"),
        ("1\n00:61:01,000 --> 00:62:01,000\nx\n", 2, "up to 59"),
        ("1\n100:00:01,000 --> 100:00:02,000\nx\n", 2, "100 hours"),
        (SRT + "\njust text\n", 9, "expected a cue"),
        (SRT.replace("\n\n", "\n"), 2, "empty line is missing"),
        (VTT + "\n00:03.000 --> 00:02.000\nx\n", 14, "ends before it begins"),
        ("1\n00:00:01,000 --> 00:00:02,000\n" + "x" * 2001, 2, "2000 characters"),
    ],
)
def test_what_is_wrong_is_said_with_its_line(text: str, line: int, said: str) -> None:
    with pytest.raises(InvalidCaptions, match=said) as caught:
        read_captions(text.encode())
    assert caught.value.extra["line"] == line


@pytest.mark.parametrize("data", [b"", b"WEBVTT\n\n", b"1\n00:00:01,000 --> 00:00:02,000\n<img>\n"])
def test_captions_without_a_word_are_refused(data: bytes) -> None:
    with pytest.raises(InvalidCaptions, match="no cue with text"):
        read_captions(data)


def test_text_that_is_not_utf8_is_refused_with_its_line() -> None:
    with pytest.raises(InvalidCaptions, match=r"Line 3: .*UTF-8"):
        read_captions("1\n00:00:01,000 --> 00:00:02,000\ncafé\n".encode("latin-1"))


def test_what_is_too_large_is_refused_before_it_is_read() -> None:
    with pytest.raises(InvalidCaptions, match="larger than"):
        read_captions(b"\n" * (MAX_BYTES + 1))


def test_no_file_takes_long() -> None:
    """Markup that never ends, and no line ends at all."""
    for text in ("<" * 1_000_000, "<v " * 300_000, "{\\an" * 300_000, "00:" * 500_000, "-->" * 500_000):
        with pytest.raises(InvalidCaptions):
            read_captions(f"1\n00:00:01,000 --> 00:00:02,000\n{text}\n".encode())


@pytest.mark.parametrize("header", ["", "WEBVTT\n\n", "WEBVTT\n\n00:01.000 --> 00:02.000\n"])
@pytest.mark.parametrize("line", ["\n", " \n", "\r\n", "x\n", "NOTE\n\n"])
def test_nothing_is_kept_of_a_line_that_is_no_cue(header: str, line: str) -> None:
    """A file may be two million of them: what each took is what takes long."""
    count = 20_000
    data = (header + line * count).encode()
    tracemalloc.start()
    try:
        with suppress(InvalidCaptions):
            read_captions(data)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    # The text three times on its way, a pointer to each line, and a text for each that is not empty.
    assert peak < 3 * len(data) + count * (2 * 8 + 64)


def test_where_nothing_can_be_asked_again_what_is_wrong_is_left_out() -> None:
    text = SRT.replace("00:00:01,000", "soon") + "\nrubbish\n"
    assert [cue.start for cue in read_captions(text.encode(), strict=False)] == [3000]
