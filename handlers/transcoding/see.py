"""Encodes the pictures of a video, and tells what of them is missing."""

from pathlib import Path

from broker.context import TaskContext
from broker.errors import PermanentError, TransientError
from handlers.transcoding import ffmpeg, graph, poster
from handlers.transcoding.plan import Plan
from handlers.transcoding.playlists import Track, read_track
from handlers.transcoding.progress import PICTURES, Progress
from handlers.transcoding.source import Source

#: A source of whose pictures less than this part can be decoded is damaged.
_INTACT = 0.5
#: Fewer pictures than this part of a source's packets are missing ones: some packets hold none.
_ALL = 0.9
#: Rates from here on are the most that is made of a source, which may have more.
_FASTEST = 45
#: Seconds of one processor core for a million pixels that are decoded or encoded, and how many times as long it may
#: take: other work may keep the machine busy, and some decoders are slow.
_PER_MEGAPIXEL, _PATIENCE, _GRACE = 0.02, 20, 900.0


def see(
    context: TaskContext, path: Path, demuxer: str, source: Source, planned: Plan, progress: Progress
) -> tuple[list[Track], list[str]]:
    """Leave all renditions of the pictures, and the poster, in the scratch folder.

    Returns the renditions, smallest first, and what they lack. Raises ``PermanentError`` when that is most of them.
    """
    for rung in planned.rungs:
        (context.scratch / rung.name).mkdir()
    report = progress.within(PICTURES)
    argv = graph.command(ffmpeg.binary(), path, demuxer, source, planned)
    decoded = ffmpeg.encode(
        context, argv, "frame", lambda done: report(done / planned.frames), _allowed(source, planned)
    )
    tracks = [read_track(context.scratch / rung.name) for rung in planned.rungs]
    if len({tuple(segment.samples for segment in track.segments) for track in tracks}) > 1:
        raise TransientError("The renditions do not line up, so players could not switch between them.")
    warnings = _lacking(source, planned, tracks[0].samples, decoded)
    argv = poster.command(ffmpeg.binary(), context.scratch, planned, tracks)
    ffmpeg.encode(context, argv, "frame", lambda done: None, _GRACE)
    return tracks, warnings


def _allowed(source: Source, planned: Plan) -> float:
    """Seconds that encoding may take: they follow the length and the ladder."""
    decoded = source.pictures * source.width * source.height / 1_000_000
    return _GRACE + _PATIENCE * _PER_MEGAPIXEL * (decoded + planned.megapixels)


def _lacking(source: Source, planned: Plan, made: int, decoded: ffmpeg.Decoded | None) -> list[str]:
    there = source.pictures
    shown = min(there, decoded.frames) if decoded else there
    if shown < there * _INTACT or made < planned.frames * _INTACT:
        raise PermanentError(f"The video is damaged: only {min(shown, made)} of its {there} pictures can be shown.")
    if decoded and decoded.errors:
        return [f"Parts of the video are damaged: {decoded.errors} of its packets could not be decoded."]
    if shown < there * _ALL:
        return [f"Parts of the video are damaged: {shown} of its {there} pictures can be shown."]
    if made < there * _ALL and planned.rate >= _FASTEST:
        return [f"Of its {there} pictures {made} are kept: no more than 60 in a second are shown."]
    return []
