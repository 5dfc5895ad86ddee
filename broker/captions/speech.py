"""Makes cues of words with times, as speech recognition answers them."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from broker.captions.cues import MAX_CUES, MAX_TIME, Cue, plain_text

#: Two lines of as many characters as subtitles usually have.
_LINE, _LINES = 42, 2
#: Milliseconds: the longest cue, the shortest, and the silence in which one ends.
_LONGEST, _SHORTEST, _PAUSE = 6_000, 800, 700
_ENDINGS = (".", "?", "!", "\u2026", "\u3002", "\uff1f", "\uff01")

_Word = tuple[str, int, int]


def cues_of_words(words: Iterable[Mapping[str, Any]]) -> list[Cue]:
    """Cues of ``{"text", "start", "end"}`` (milliseconds). Words that tell no sensible time are left out."""
    groups = list(_groups(_valid(words)))[:MAX_CUES]
    cues = []
    for number, group in enumerate(groups):
        start, end = group[0][1], max(group[-1][2], group[0][1] + _SHORTEST)
        if number + 1 < len(groups):  # a short one stays for a moment, but not into the next
            end = max(start + 1, min(end, groups[number + 1][0][1]))
        cues.append(Cue(start, end, "\n".join(map(plain_text, _lines([text for text, _, _ in group])))))
    return [cue for cue in cues if cue.text]


def _valid(words: Iterable[Mapping[str, Any]]) -> list[_Word]:
    found = []
    for word in words:
        text, start, end = word.get("text"), word.get("start"), word.get("end")
        if not isinstance(text, str) or not isinstance(start, int | float) or not isinstance(end, int | float):
            continue
        if text.strip() and 0 <= start <= end < MAX_TIME:
            found.append((" ".join(text.split())[: _LINE * _LINES], int(start), int(end)))
    return sorted(found, key=lambda word: word[1])


def _groups(words: Iterable[_Word]) -> Iterator[list[_Word]]:
    group: list[_Word] = []
    for word in words:
        if group and _ends_before(group, word):
            yield group
            group = []
        group.append(word)
    if group:
        yield group


def _ends_before(group: list[_Word], word: _Word) -> bool:
    text, start, end = group[-1][0], group[0][1], group[-1][2]
    return (
        word[1] - end > _PAUSE
        or word[2] - start > _LONGEST
        or text.endswith(_ENDINGS)
        or len(_lines([each for each, _, _ in [*group, word]])) > _LINES
    )


def _lines(words: Iterable[str]) -> list[str]:
    lines: list[str] = []
    for word in words:
        if lines and len(lines[-1]) + 1 + len(word) <= _LINE:
            lines[-1] += f" {word}"
        else:
            lines.append(word)
    return lines
