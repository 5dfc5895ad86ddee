"""Builds the command that makes the poster out of what was encoded: cheap, and from nothing untrusted."""

from math import floor
from pathlib import Path

import ffmpeg

from handlers.transcoding.boxes import Segment
from handlers.transcoding.graph import GLOBAL
from handlers.transcoding.hls_output import INIT
from handlers.transcoding.plan import Plan
from handlers.transcoding.playlists import Track

POSTER = "poster.jpg"
_AT, _CHOICE, _SIDE = 0.1, 25, 720
_PART = "poster.mp4"


def command(binary: str, folder: Path, plan: Plan, tracks: list[Track]) -> list[str]:
    """The most typical picture of some that come after a tenth of the video, in the colours of JPEG.

    ``tracks`` are the renditions in ``folder``, smallest first. The segment that is read is put together there.
    """
    track, segment, first = _chosen(plan, tracks)
    parts = (folder / track.name / INIT, folder / track.name / segment.name)
    (folder / _PART).write_bytes(b"".join(part.read_bytes() for part in parts))
    picture = (
        ffmpeg.input(_PART, format="mov")
        .filter("trim", start_frame=first, end_frame=first + _CHOICE)
        .filter("scale", out_range="pc", out_color_matrix="bt601")
        .filter("format", "yuvj420p")
        .filter("thumbnail", n=_CHOICE)
    )
    options = {"c:v": "mjpeg", "q:v": 3, "frames:v": 1}
    return [binary, *GLOBAL, *ffmpeg.output(picture, POSTER, format="image2", update=1, **options).get_args()]


def needs(plan: Plan, tracks: list[Track]) -> list[str]:
    """The files that it is made of, as the renditions are stored."""
    track, segment, _ = _chosen(plan, tracks)
    return [f"{track.name}/{INIT}", f"{track.name}/{segment.name}"]


def _chosen(plan: Plan, tracks: list[Track]) -> tuple[Track, Segment, int]:
    """A rendition, one of its segments, and the picture of that from which on one is chosen."""
    number = [at for at, rung in enumerate(plan.rungs) if min(rung.width, rung.height) <= _SIDE][-1]
    track = tracks[number]
    first = floor(track.samples * _AT)
    segment, before = next(
        (segment, before)
        for segment, before in zip(track.segments, _counted(track), strict=True)
        if first < before + segment.samples
    )
    return track, segment, first - before


def _counted(track: Track) -> list[int]:
    """The number of pictures before each segment."""
    total, counted = 0, []
    for segment in track.segments:
        counted.append(total)
        total += segment.samples
    return counted
