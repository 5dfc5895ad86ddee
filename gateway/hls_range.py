"""Playlists of a range of a video: they name the segments in which it lies, as they are stored.

What is shown is the range to the length of a segment: players begin where it begins (EXT-X-START) and end with the last
segment. Cut once, by the pictures' segments, the range is handed on to the other playlists, so that all begin together.
"""

import re
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import NamedTuple

from broker.errors import InvalidInput
from gateway.rendition import NotCompleted, Range

_LENGTH = re.compile(r"#EXTINF:([\d.]+),")
#: Where a playlist names another, which what a rendition is called may look like.
_PLAYLIST = re.compile(r'(?:(?<=URI=")|^(?!#))[^"\s]+\.m3u8')
_VARIANT, _END, _START = "#EXT-X-STREAM-INF:", "#EXT-X-ENDLIST", "#EXT-X-START:"
#: Seconds of a segment that are no part of a range: segments of sound do not end where those of pictures do.
_SLIVER = 0.1
#: A range that begins so soon after its first segment begins with it.
_SOON = 0.001


class _Entry(NamedTuple):
    """One of a media playlist: its lines, and when it begins and ends."""

    lines: list[str]
    begins: float
    ends: float


def ranged_media(playlist: str, wanted: Range) -> str:
    """A media playlist of the segments that have a part in the range.

    Raises ``NotCompleted`` for one that still grows, and ``InvalidInput`` where the range has no part in it.
    """
    head, entries = _read(playlist)
    shown = _within(entries, wanted, _SLIVER)
    return "\n".join([*head, *(line for each in shown for line in each.lines), _END, ""])


def ranged_master(playlist: str, wanted: Range, read: Callable[[str], str]) -> str:
    """A master playlist whose playlists are those of the range. ``read`` gives the text of one of them.

    Raises as ``ranged_media`` does.
    """
    lines = playlist.split("\n")
    first = next(after for line, after in pairwise(lines) if line.startswith(_VARIANT))
    shown = _within(_read(read(first))[1], wanted, 0.0)
    query = f"?start={shown[0].begins:.6f}&end={shown[-1].ends:.6f}"
    named = [_PLAYLIST.sub(lambda found: found[0] + query, line) for line in lines]
    late = wanted.start - shown[0].begins
    begins = [f"{_START}TIME-OFFSET={late:.3f},PRECISE=YES"] if late >= _SOON else []
    return "\n".join([named[0], *begins, *named[1:]])


def _read(playlist: str) -> tuple[list[str], list[_Entry]]:
    """What stands before the first segment, and the segments."""
    lines = playlist.split("\n")
    if _END not in lines:
        raise NotCompleted()
    at = next((at for at, line in enumerate(lines) if line.startswith("#EXTINF")), len(lines))
    return [line for line in lines[:at] if not line.startswith(_START)], list(_entries(lines[at:]))


def _entries(lines: list[str]) -> Iterator[_Entry]:
    begins = length = 0.0
    gathered: list[str] = []
    for line in lines:
        gathered.append(line)
        if found := _LENGTH.match(line):
            length = float(found[1])
        elif line and not line.startswith("#"):
            yield _Entry(gathered, begins, begins + length)
            gathered, begins = [], begins + length


def _within(entries: list[_Entry], wanted: Range, sliver: float) -> list[_Entry]:
    start, end = wanted
    last = entries[-1].ends if entries else 0.0
    if start >= last or (end is not None and end > last + max(_SOON, sliver)):
        member = "start" if start >= last else "end"
        raise InvalidInput(errors=[{"pointer": member, "detail": f"The video ends at {last:g} s."}])
    until = last if end is None else min(end, last)
    found = []
    for each in entries:
        part = min(each.ends, until) - max(each.begins, start)
        if part > 0 and part >= min(sliver, (each.ends - each.begins) / 2, (until - start) / 2):
            found.append(each)
    return found
