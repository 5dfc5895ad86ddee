"""Transcodes one video: look at it, plan, encode, write playlists, publish."""

from typing import Any

from broker.context import TaskContext
from broker.errors import NotFound, PermanentError, TaskTimeout
from broker.media import paths
from handlers.transcoding import ffmpeg
from handlers.transcoding.hear import hear
from handlers.transcoding.plan import Plan, plan
from handlers.transcoding.playlists import MASTER, Variant, master_playlist
from handlers.transcoding.poster import POSTER
from handlers.transcoding.probe import probe, recognise
from handlers.transcoding.progress import PUBLISHING, Progress
from handlers.transcoding.publish import publish
from handlers.transcoding.see import see
from handlers.transcoding.source import Source

#: What is remembered of a run that ended so.
_STALLED = "stalled"


def transcode(context: TaskContext) -> dict[str, Any]:
    """The handler of VideoTranscoding: see ``VideoTranscodingResult`` for its answer."""
    progress = Progress(context)
    try:
        return _transcode(context, progress)
    except ffmpeg.Stalled as error:
        if context.recall(_STALLED):
            raise PermanentError("The video cannot be decoded: ffmpeg has made no progress on it, twice.") from error
        context.remember(_STALLED, True)
        raise
    except TaskTimeout as error:  # it would take as long again
        raise PermanentError(
            f"The task's timeout was over at {progress.percent:.0f} %; try again with a longer timeout_seconds."
        ) from error


def _transcode(context: TaskContext, progress: Progress) -> dict[str, Any]:
    media = context.media(context.payload["video_id"])
    try:
        with context.storage.local_file(media.source_key) as path:
            progress.probing()
            demuxer = recognise(path)
            source = probe(context, path, demuxer)
            planned = plan(source)
            tracks, warnings = see(context, path, demuxer, source, planned, progress)
            heard = hear(context, path, demuxer, source, planned, tracks[0].duration, progress)
    except NotFound as error:
        raise PermanentError("The uploaded file is no longer stored; upload the video again.") from error
    variants = [Variant(rung, track, heard.track) for rung, track in zip(planned.rungs, tracks, strict=True)]
    master = master_playlist(variants, planned.rate, heard.language)
    prefix = paths.hls(context.tenant, media.id)
    everything = tracks + ([heard.track] if heard.track else [])
    publish(context.storage, prefix, context.scratch, everything, master, progress.within(PUBLISHING))
    facts = _facts(source, planned, variants, [*source.warnings, *warnings, *heard.warnings])
    context.attach(media.id, **facts)
    return {"video_id": media.id, **facts}


def _facts(source: Source, planned: Plan, variants: list[Variant], warnings: list[str]) -> dict[str, Any]:
    """What the media record and the task's answer say."""
    return {
        "width": source.width,
        "height": source.height,
        "duration_seconds": round(float(variants[0].track.duration), 3),
        "frame_rate": round(float(planned.rate), 3),
        "variants": [
            {
                "name": variant.rung.name,
                "width": variant.rung.width,
                "height": variant.rung.height,
                "bandwidth": variant.bandwidth,
                "codecs": variant.codecs,
                "playlist": variant.playlist,
            }
            for variant in variants
        ],
        "hls_master": f"{paths.HLS}/{MASTER}",
        "poster": f"{paths.HLS}/{POSTER}",
        "warnings": warnings,
    }
