"""Text cut into passages that the model reads whole."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from re import compile as pattern
from typing import NamedTuple, TypeVar

#: Tokens of a passage, and how many of them are also in the next one. A passage of prose is a paragraph or two.
_PASSAGE, _OVERLAP = 200, 40
#: A paragraph is where a line is empty.
_PARAGRAPH = pattern(r"\n[ \t]*\n\s*")

T = TypeVar("T")


class Passage(NamedTuple):
    """A piece of a text."""

    #: Characters of the text before it.
    offset: int
    text: str


def passages(text: str, spans: Sequence[tuple[int, int]], longest: int) -> list[Passage]:
    """Overlapping passages of at most ``longest`` tokens in the order of the text.

    One ends, and one begins, where a paragraph does, if that is near. ``spans`` are (first character, the one after the
    last) of each token.
    """
    return [
        Passage(spans[begin][0], text[spans[begin][0] : spans[end - 1][1]])
        for begin, end in _windows(len(spans), _borders(text, spans), min(_PASSAGE, longest))
    ]


def _borders(text: str, spans: Sequence[tuple[int, int]]) -> list[int]:
    """The numbers of the tokens that begin a paragraph, but for the first."""
    starts = [start for start, _ in spans]
    return sorted({bisect_left(starts, gap.end()) for gap in _PARAGRAPH.finditer(text)} - {0, len(spans)})


def _windows(count: int, borders: list[int], size: int) -> Iterator[tuple[int, int]]:
    """(first token, the one after the last) of each passage."""
    begin = 0
    overlap = min(_OVERLAP, size // 3)
    while begin < count:
        end = begin + size
        if end >= count:
            yield begin, count
            return
        at = bisect_right(borders, end) - 1  # the last paragraph that begins in the second half
        if at >= 0 and borders[at] >= begin + size // 2:
            end = borders[at]
        yield begin, end
        at = bisect_left(borders, end - overlap)
        begin = borders[at] if at < len(borders) and borders[at] <= end else end - overlap


def spread(items: Sequence[T], most: int) -> list[T]:
    """At most ``most`` of ``items``, evenly spread, the first and the last among them."""
    if len(items) <= most:
        return list(items)
    return [items[round(at * (len(items) - 1) / (most - 1))] for at in range(most)]
