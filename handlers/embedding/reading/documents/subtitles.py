"""Subtitles: WebVTT (https://www.w3.org/TR/webvtt1/) and SubRip, cue by cue, joined to stretches of some seconds."""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from broker.errors import PermanentError
from handlers.embedding.reading.documents.markup import visible
from handlers.embedding.reading.documents.plain import read_text
from handlers.embedding.reading.documents.section import Section

#: As it is found, too: without a fraction, or before the beginning.
_TIME = r"(-?)(?:(\d{1,4}):)?([0-5]?\d):([0-5]?\d)(?:[.,](\d{1,3}))?"
_CUE = re.compile(rf"^{_TIME}[ \t]*-->[ \t]*{_TIME}[^\n]*\n((?:(?!.*-->).+\n?)*)", re.MULTILINE)
#: In SubRip empty lines are found within a cue, which ends before the times of the next and the number above them.
_SUBRIP_CUE = re.compile(rf"^{_TIME}[ \t]*-->[ \t]*{_TIME}[^\n]*\n((?:(?!.*-->)(?:.*\n|.+\Z))*)", re.MULTILINE)
_NUMBER = re.compile(r"(?:^|\n)[ \t]*\n[ \t]*\d{1,6}[ \t]*\n\Z")
#: ASS commands, as they are found in SubRip, and WebVTT's times of single words, which programs that listen write.
_TIMES = r"<[\d:.]{4,20}>"
_COMMANDS = re.compile(rf"\{{\\[^{{}}]*\}}|{_TIMES}")
#: Words and seconds of a stretch at most; at the end of a sentence it may end after so many words.
_MOST_WORDS, _MOST_SECONDS, _FEW_WORDS = 60, 30.0, 25
_SENTENCE_ENDS = (".", "?", "!", "\u3002", "\uff1f", "\uff01", "\u2026")


class Said(NamedTuple):
    """Words and when they are said, in seconds."""

    text: str
    start: float
    end: float


def read_subtitles(path: Path) -> Iterator[Section]:
    """Raises ``PermanentError`` when there is no cue in it."""
    text, cut = read_text(path)
    sections = list(stretches(_cues(text)))
    if not sections:
        raise PermanentError("There are no cues in these subtitles.")
    yield from sections[:-1]
    yield sections[-1]._replace(cut=cut)


def stretches(said: Iterable[Said]) -> Iterator[Section]:
    """What is said, joined to sections that are worth a vector each."""
    words: list[str] = []
    start = end = 0.0
    for each in said:
        apart = each.end - start > _MOST_SECONDS or each.start < start
        if words and (apart or len(words) >= _MOST_WORDS or _complete(words)):
            yield Section(" ".join(words), start=start, end=end)
            words = []
        if not words:
            start = each.start
        words += each.text.split()
        end = max(each.end, start)
    if words:
        yield Section(" ".join(words), start=start, end=end)


def _complete(words: list[str]) -> bool:
    return len(words) >= _FEW_WORDS and words[-1].endswith(_SENTENCE_ENDS)


def _cues(text: str) -> Iterator[Said]:
    """Roll-up captions show again what was said before: of two equal cues in a row the second is left out, and with
    times of single words all of a cue that the one before it ends with, or that it begins with.
    """
    before, rolls = "", re.search(_TIMES, text) is not None
    cues = _CUE if text.startswith("WEBVTT") else _SUBRIP_CUE
    for cue in cues.finditer(text):
        shown = cue[11] if cue.end() == len(text) else _NUMBER.sub("", cue[11])
        words = " ".join(visible(_COMMANDS.sub("", shown)).split())
        said = words.removeprefix(f"{before} ") if rolls and before else words
        again = words == before or (rolls and before.endswith(f" {words}"))
        if words and not again:
            yield Said(said, _seconds(*cue.groups()[:5]), _seconds(*cue.groups()[5:10]))
        before = words


def _seconds(sign: str, hours: str | None, minutes: str, seconds: str, fraction: str | None) -> float:
    """From the beginning on; what is before it is there."""
    if sign:
        return 0.0
    return 3600 * int(hours or 0) + 60 * int(minutes) + int(seconds) + int((fraction or "0").ljust(3, "0")) / 1000
