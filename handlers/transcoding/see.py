"""Makes all renditions of a video's pictures, and tells what of them is missing."""

import shutil
from collections.abc import Callable
from dataclasses import replace
from typing import NoReturn

from broker.context import TaskContext
from broker.errors import NotFound, PermanentError, Postpone
from handlers.transcoding import ffmpeg, poster
from handlers.transcoding.encoder import Encoder, Video
from handlers.transcoding.ladder import Rung
from handlers.transcoding.manifest import Manifest, Mismatch
from handlers.transcoding.plan import Plan
from handlers.transcoding.playlists import Track
from handlers.transcoding.progress import PICTURES, Progress
from handlers.transcoding.ranges import Part
from handlers.transcoding.sharing import Sharing, pixels
from handlers.transcoding.source import Source

#: A source of whose pictures less than this part can be decoded is damaged.
_INTACT = 0.5
#: Fewer pictures than this part of a source's packets are missing ones: some packets hold none.
_ALL = 0.9
#: Rates from here on are the most that is made of a source, which may have more.
_FASTEST = 45
#: Seconds that the poster may take.
_POSTER_SECONDS = 900.0


def see(
    context: TaskContext, video: Video, manifest: Manifest, progress: Progress, on_tick: Callable[[], None]
) -> tuple[list[Track], list[str]]:
    """Leave all renditions of the pictures in the storage, and the poster in the scratch folder.

    Returns the renditions, smallest first, and what they lack. Raises ``PermanentError`` when that is most of them.
    """
    encoder, sharing = Encoder(context, video, manifest, on_tick), Sharing(context, video, manifest, on_tick)
    report, smallest = progress.within(PICTURES), video.plan.rungs[0]
    while part := sharing.next():
        if part.rungs != (smallest,) and context.others_wait():
            _give_way(encoder, smallest, part, sharing)
        if part.seeks and not encoder.seeks:
            _make_without_seek(encoder, video.plan, manifest, report, sharing)
            break
        weight = 0 if part.rungs == (video.plan.copied,) else pixels(part)
        encoder.make(part, _reported(report, sharing.pixels, weight, video.plan))
        sharing.made(part)
    tracks = [manifest.track(rung.name) for rung in video.plan.rungs]
    warnings = _lacking(video.source, video.plan, tracks[0].samples, manifest.decoded())
    _make_poster(context, video, tracks)
    return tracks, warnings


def _give_way(encoder: Encoder, smallest: Rung, part: Part, sharing: Sharing) -> NoReturn:
    """Finish the smallest rendition: that of every video comes before the larger ones of any.

    Raises ``Postpone``: the rest is made when no video waits any more.
    """
    rest = sharing.rest(part)
    for each in rest:
        if smallest in each.rungs:
            encoder.make(replace(each, rungs=(smallest,), seek=each.seek and encoder.seeks), lambda frames: None)
    sharing.give_back(rest)
    raise Postpone(0, background=True)


def _make_without_seek(
    encoder: Encoder, plan: Plan, manifest: Manifest, report: Callable[[float], None], sharing: Sharing
) -> None:
    """Make all that is missing, in one run unless others have made something of it."""
    sharing.end_sharing()
    while gap := manifest.gap(plan.encoded, plan.segments):
        part = Part(*gap, tuple(plan.encoded), seek=False)
        encoder.make(part, _reported(report, pixels(part) * plan.begins(part.first), pixels(part), plan))


def _reported(report: Callable[[float], None], before: int, pixels: int, plan: Plan) -> Callable[[int], None]:
    """Tells frames of a part as a share of all pixels that are to be encoded; ``before`` are those of other parts."""
    return lambda frames: report((before + frames * pixels) / max(1, plan.megapixels * 1_000_000))


def _make_poster(context: TaskContext, video: Video, tracks: list[Track]) -> None:
    for name in poster.needs(video.plan, tracks):
        path = context.scratch / name
        path.parent.mkdir(exist_ok=True)
        try:
            with context.storage.open(video.prefix + name) as stored, path.open("wb") as file:
                shutil.copyfileobj(stored, file)
        except NotFound as error:
            raise Mismatch() from error
    argv = poster.command(ffmpeg.binary(), context.scratch, video.plan, tracks)
    ffmpeg.encode(context, argv, "frame", lambda done: None, _POSTER_SECONDS)


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
