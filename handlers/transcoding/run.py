"""Transcodes one video: look at it, plan, encode, write playlists, publish."""

from pathlib import Path
from typing import Any

from broker.context import TaskContext
from broker.errors import NotFound, PermanentError, TransientError
from broker.media import paths
from handlers.transcoding import ffmpeg, graph
from handlers.transcoding.plan import Plan, plan
from handlers.transcoding.playlists import MASTER, Variant, master_playlist, read_track
from handlers.transcoding.probe import probe, recognise
from handlers.transcoding.publish import publish
from handlers.transcoding.sound import AUDIO
from handlers.transcoding.source import MAX_SECONDS, Source

#: A source that yields less than this part of the pictures that its packets promise is damaged.
_INTACT = 0.5
#: Percent of the work that is done when encoding begins and ends; 100 is for what is published.
_ENCODING, _PUBLISHING = 2.0, 95.0


def transcode(context: TaskContext) -> dict[str, Any]:
    """The handler of VideoTranscoding: see ``VideoTranscodingResult`` for its answer."""
    media = context.media(context.payload["video_id"])
    try:
        with context.storage.local_file(media.source_key) as path:
            source, planned = _encode(context, path)
    except NotFound as error:
        raise PermanentError("The uploaded file is no longer stored; upload the video again.") from error
    variants = _variants(context.scratch, source, planned)
    master = master_playlist(variants, planned.rate, source.language)
    _publish(context, paths.hls(context.tenant, media.id), variants, master)
    facts = _facts(source, planned, variants)
    context.attach(media.id, **facts)
    return {"video_id": media.id, **facts}


def _encode(context: TaskContext, path: Path) -> tuple[Source, Plan]:
    """Leave all renditions in the scratch folder."""
    context.progress(0, "probing")
    demuxer = recognise(path)
    source = probe(context, path, demuxer)
    planned = plan(source)
    for name in (*(rung.name for rung in planned.rungs), AUDIO):
        (context.scratch / name).mkdir()

    def on_frame(done: int) -> None:
        part = min(1.0, done / planned.frames)
        context.progress(_ENCODING + (_PUBLISHING - _ENCODING) * part, "transcoding")

    ffmpeg.encode(context, graph.command(ffmpeg.binary(), path, demuxer, source, planned), on_frame)
    return source, planned


def _variants(folder: Path, source: Source, planned: Plan) -> list[Variant]:
    """What was made, smallest first. Raises ``PermanentError`` when that is not the whole video."""
    tracks = [read_track(folder / rung.name) for rung in planned.rungs]
    if len({tuple(segment.samples for segment in track.segments) for track in tracks}) > 1:
        raise TransientError("The renditions do not line up, so players could not switch between them.")
    frames = tracks[0].samples
    if frames < planned.frames * _INTACT:
        raise PermanentError(f"The video is damaged: only {frames} of its {planned.frames} pictures can be shown.")
    if frames >= MAX_SECONDS * planned.rate:
        raise PermanentError(f"The video is longer than {MAX_SECONDS // 3600} hours.")
    audio = None if source.audio_track is None else read_track(folder / AUDIO)
    return [Variant(rung, track, audio) for rung, track in zip(planned.rungs, tracks, strict=True)]


def _publish(context: TaskContext, prefix: str, variants: list[Variant], master: str) -> None:
    audio = [variants[0].audio] if variants[0].audio else []

    def on_part(part: float) -> None:
        context.progress(_PUBLISHING + (99 - _PUBLISHING) * part, "publishing")

    publish(context.storage, prefix, context.scratch, [variant.track for variant in variants] + audio, master, on_part)


def _facts(source: Source, planned: Plan, variants: list[Variant]) -> dict[str, Any]:
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
        "poster": f"{paths.HLS}/{graph.POSTER}",
    }
