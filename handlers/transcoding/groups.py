"""Renditions in groups of pictures that lie where the source's do: a file for each, of which segments are joined."""

from fractions import Fraction
from pathlib import Path
from struct import unpack_from
from typing import Any

from broker.errors import PermanentError
from handlers.transcoding.grid import Grid
from handlers.transcoding.hls_output import hls_options, hls_pieces, seconds, segment_name
from handlers.transcoding.plan import Plan

_GROUPS = "group_*.mp4"
#: Seconds after which the next key frame ends a file: at once.
_AT_ONCE = "0.000001"
#: Key frames that are forced by one command: Linux takes 128 KiB for one argument.
_MOST = 8000
#: Boxes that stand at the beginning of a segment alone, and those of which each group has its own (ISO/IEC 14496-12).
_LEADING, _OWN = b"styp", (b"moof", b"mdat")


def group_options(folder: str, plan: Plan, grid: Grid, first: int) -> dict[str, Any]:
    """As ``hls_options``, but each group is a file; ``first`` is the number of the first segment."""
    number = grid.groups(first).start
    place = {
        "hls_time": _AT_ONCE,
        "start_number": number,
        "output_ts_offset": seconds(Fraction(plan.begins(first)) / plan.rate),
        "hls_segment_options": hls_pieces(number),
    }
    return {**hls_options(folder, plan), **place, "hls_segment_filename": f"{folder}/{_GROUPS.replace('*', '%05d')}"}


def forced_key_frames(plan: Plan, grid: Grid, first: int, end: int) -> dict[str, Any]:
    """Options of an encoder that makes the segments ``first`` to ``end``, which is not among them.

    Raises ``PermanentError`` for more than a command can name, as a run over all of a long source would have.
    """
    begins, keys = plan.begins(first), grid.keys_of(first, end)
    if len(keys) > _MOST:
        raise PermanentError(f"One run cannot make {len(keys)} groups of pictures.")
    # Half a picture earlier, since the first one at or after a time becomes a key frame.
    times = (max(Fraction(0), (key - begins - Fraction(1, 2)) / plan.rate) for key in keys)
    return {"force_key_frames": ",".join(map(seconds, times))}


def are_there(folder: Path, grid: Grid, segment: int) -> bool:
    """Whether all groups of a segment are."""
    return all((folder / _name(number)).exists() for number in grid.groups(segment))


def join(folder: Path, grid: Grid, segment: int) -> Path:
    """Puts the groups of a segment together, in the place of their files. Raises ``ValueError`` for broken ones."""
    path = folder / segment_name(segment)
    with path.open("wb") as file:
        for number in grid.groups(segment):
            group = folder / _name(number)
            file.write(_content(group.read_bytes(), first=file.tell() == 0))
            group.unlink()
    return path


def _name(number: int) -> str:
    return _GROUPS.replace("*", f"{number:05d}")


def _content(data: bytes, *, first: bool) -> bytes:
    at, parts = 0, []
    while at < len(data):
        size, kind = unpack_from(">I4s", data, at) if len(data) >= at + 8 else (0, b"")
        if not 8 <= size <= len(data) - at:
            raise ValueError(f"box {kind!r} has the size {size}")
        if kind in _OWN or (first and kind == _LEADING):
            parts.append(data[at : at + size])
        at += size
    return b"".join(parts)
