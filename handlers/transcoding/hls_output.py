"""ffmpeg's options for one rendition: fragmented MP4 segments in a folder of its own.

ffmpeg also writes a playlist there, which nobody reads.
"""

from fractions import Fraction
from math import floor
from typing import Any

from handlers.transcoding.plan import Plan
from handlers.transcoding.source import MAX_SECONDS

INIT, SEGMENTS = "init.mp4", "seg_*.m4s"
_PLAYLIST = "ffmpeg.m3u8"

#: With ``avoid_negative_ts`` these write the times as they are, so that pictures and sound start at 0, and a run that
#: begins in the middle goes on where another ended: by default all is shifted by the reordering of pictures, and an
#: edit list, which players ignore, says so.
_FRAGMENTS = "movflags=+negative_cts_offsets+frag_discont:use_editlist=0"
_OPTIONS = {
    "hls_playlist_type": "vod",
    "hls_flags": "temp_file",
    "hls_segment_type": "fmp4",
    "hls_fmp4_init_filename": INIT,
    "avoid_negative_ts": "disabled",
    # Neither a place nor a name out of the source gets into what is published.
    "map_metadata": -1,
    "map_chapters": -1,
    "t": MAX_SECONDS,
}


def hls_options(folder: str, plan: Plan, first: int = 0) -> dict[str, Any]:
    """Options by name; ``f`` is the format, ``first`` the number of the first segment, whose place decides its time."""
    place = {
        # Rounded down, because a segment ends with the first key frame at or after this time.
        "hls_time": seconds(plan.segment_seconds),
        "start_number": first,
        "output_ts_offset": seconds(first * plan.segment_seconds),
        "hls_segment_options": hls_pieces(first),
    }
    return {"f": "hls", **_OPTIONS, **place, "hls_segment_filename": f"{folder}/{SEGMENTS.replace('*', '%05d')}"}


def hls_pieces(first: int) -> str:
    """The option of that name; ``first`` is the number of the first fragment."""
    return f"{_FRAGMENTS}:fragment_index={first + 1}"


def segment_name(number: int) -> str:
    """The name of a segment's file in the folder of its rendition."""
    return SEGMENTS.replace("*", f"{number:05d}")


def hls_target(folder: str) -> str:
    """The name of the output."""
    return f"{folder}/{_PLAYLIST}"


def seconds(exact: Fraction) -> str:
    """To the microsecond below, which is what ffmpeg's durations hold."""
    return f"{floor(exact * 1_000_000) / 1_000_000:.6f}"
