"""Reads SubRip (SRT) and WebVTT as people send them, and says in which line what is wrong."""

import re
from collections.abc import Iterator, Sequence
from itertools import chain
from typing import NamedTuple

from broker.captions.cues import MAX_CUES, MAX_LINES, MAX_TEXT, MAX_TIME, Cue, cue_text
from broker.errors import InvalidInput

#: Bytes of a file: three times the longest film's.
MAX_BYTES = 2 * 1024 * 1024
_TIME = r"(?:(\d{1,3}):)?(\d{1,2}):(\d{1,2})[.,](\d{1,3})"
_TIMES = re.compile(rf"\s*{_TIME}\s*-->\s*{_TIME}(?:\s+(.*))?")
#: Blocks of WebVTT that are no cues: comments, and what would style or place them.
_OTHER_BLOCKS = re.compile(r"(NOTE|STYLE|REGION)(\s|$)")
_PERCENT = r"\d{1,3}(\.\d{1,6})?%"
_SETTING = re.compile(
    rf"vertical:(rl|lr)|line:(-?\d{{1,4}}|{_PERCENT})(,(start|center|end))?|size:{_PERCENT}"
    rf"|position:{_PERCENT}(,(line-left|center|line-right))?|align:(start|center|end|left|right)"
)
#: SubRip's places, as subtitle editors write them: 7 to 9 are at the top, all others where captions are anyway.
_PLACE = re.compile(r"\{\\an?(\d{1,2})\}")
_TOP = "line:0"


class InvalidCaptions(InvalidInput):
    """The captions cannot be read; ``line`` says where."""

    code = "invalid_captions"


class _Block(NamedTuple):
    """Lines without an empty one among them, and the number of the first."""

    number: int
    lines: Sequence[str]


def read_captions(data: bytes, *, strict: bool = True) -> list[Cue]:
    """The cues of a file of either format. Raises ``InvalidCaptions`` with the ``line`` (from 1) of the first error.

    Not ``strict``: what is wrong is left out.
    """
    if len(data) > MAX_BYTES:
        raise InvalidCaptions(f"The file is larger than {MAX_BYTES} bytes, which is no captions.")
    lines = _decoded(data).splitlines()
    is_webvtt = bool(lines) and re.match(r"WEBVTT(\s|$)", lines[0]) is not None
    cues = []
    for block in _blocks(lines, is_webvtt):
        try:
            cues.append(_cue(block, is_webvtt))
        except InvalidCaptions:
            if strict:
                raise
        if len(cues) > MAX_CUES:
            raise _wrong(block.number, f"there are more than {MAX_CUES} cues.")
    shown = [each for each in cues if each.text]
    if not shown:
        raise InvalidCaptions("There is no cue with text in this file.", line=1)
    return shown


def _decoded(data: bytes) -> str:
    encoding = "utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    try:
        return re.sub(r"\r\n?", "\n", data.decode(encoding)).replace("\0", "\ufffd")
    except UnicodeDecodeError as error:
        number = data.count(b"\n", 0, error.start) + 1
        raise _wrong(number, "it is not text in UTF-8; save the file as UTF-8.") from None


def _blocks(lines: Sequence[str], is_webvtt: bool) -> Iterator[_Block]:
    """What lies between empty lines, without a WebVTT file's header and all that is no cue.

    A file may be millions of empty lines: nothing is kept of one.
    """
    start = None if is_webvtt else 0  # the header goes up to the first empty line
    for at, line in enumerate(chain(lines, ("",))):
        if line.strip():
            continue
        if start is not None and start < at and not (is_webvtt and _OTHER_BLOCKS.match(lines[start])):
            yield _Block(start + 1, lines[start:at])
        start = at + 1


def _cue(block: _Block, is_webvtt: bool) -> Cue:
    """A cue's block: a name or a number, if any, its times, its text."""
    at = next((at for at, line in enumerate(block.lines[:2]) if "-->" in line), None)
    if at is None:
        expected = "expected a cue, with its times (00:00:01.000 --> 00:00:04.000) in the first two lines."
        raise _wrong(block.number, expected)
    number, times = block.number + at, _TIMES.fullmatch(block.lines[at])
    if times is None:
        raise _wrong(number, "these are no times; write them as 00:00:01.000 --> 00:00:04.000.")
    start, end = (_milliseconds(number, times.groups()[first : first + 4]) for first in (0, 4))
    if end <= start:
        raise _wrong(number, "the cue ends before it begins.")
    text = "\n".join(block.lines[at + 1 :])
    settings = _settings(times[9] or "", text, is_webvtt)
    shown = cue_text(_PLACE.sub("", text), escaped=is_webvtt)
    if len(shown) > MAX_TEXT or shown.count("\n") >= MAX_LINES:
        raise _wrong(number, f"the cue has more than {MAX_TEXT} characters or {MAX_LINES} lines.")
    if "-->" in text:
        raise _wrong(number, "an empty line is missing before the next cue.")
    return Cue(start, end, shown, settings)


def _milliseconds(line: int, parts: Sequence[str | None]) -> int:
    hours, minutes, seconds = (int(each or 0) for each in parts[:3])
    if minutes > 59 or seconds > 59:
        raise _wrong(line, "minutes and seconds go up to 59.")
    total = ((hours * 60 + minutes) * 60 + seconds) * 1000 + int((parts[3] or "").ljust(3, "0"))
    if total >= MAX_TIME:
        raise _wrong(line, "a time is later than 100 hours.")
    return total


def _settings(written: str, text: str, is_webvtt: bool) -> str:
    if is_webvtt:
        return " ".join(each for each in written.split() if _SETTING.fullmatch(each))
    place = _PLACE.search(text)
    return _TOP if place and place[1] in ("7", "8", "9") else ""


def _wrong(line: int, what: str) -> InvalidCaptions:
    detail = f"Line {line}: {what}"
    return InvalidCaptions(detail, line=line, errors=[{"pointer": "file", "detail": detail}])
