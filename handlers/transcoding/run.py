"""Transcodes one video: look at it, plan, encode, write playlists, publish."""

from contextlib import closing
from typing import Any

from broker.context import TaskContext
from broker.errors import NotFound, PermanentError, Postpone, TaskTimeout
from broker.media import paths
from broker.media.records import MediaRecord, no_source
from broker.media.storage import StoredObject
from handlers.transcoding import ffmpeg, graph, storyboard, subtitles
from handlers.transcoding.early_sound import EarlySound
from handlers.transcoding.encoder import Video
from handlers.transcoding.further_sound import hear_further
from handlers.transcoding.growing import Growing
from handlers.transcoding.manifest import Manifest, Mismatch, digest
from handlers.transcoding.plan import Plan, plan
from handlers.transcoding.playlists import MASTER, Variant, master_playlist
from handlers.transcoding.poster import POSTER
from handlers.transcoding.probe import probe, recognise
from handlers.transcoding.progress import PUBLISHING, Progress
from handlers.transcoding.publish import publish, withdraw
from handlers.transcoding.ranges import parts
from handlers.transcoding.see import see
from handlers.transcoding.sounds import gather_sounds
from handlers.transcoding.source import Source
from handlers.transcoding.trick_play import trick_play
from handlers.transcoding.verify import verify
from handlers.transcoding.version import folder_of, switched

#: What is remembered of a run that ended so.
_STALLED, _WITHDRAWN = "stalled", "withdrawn"


def transcode(context: TaskContext) -> dict[str, Any]:
    """The handler of VideoTranscoding: see ``VideoTranscodingResult`` for its answer."""
    media = context.media(context.payload["video_id"])
    progress = Progress(context)
    try:
        return _transcode(context, media, progress)
    except PermanentError:
        _withdraw(context, media)
        raise
    except Mismatch:
        Manifest(context.storage, context.tenant, media.id).remove()
        raise
    except ffmpeg.Stalled as error:
        if context.recall(_STALLED):
            _withdraw(context, media)
            raise PermanentError("The video cannot be decoded: ffmpeg has made no progress on it, twice.") from error
        context.remember(_STALLED, True)
        raise
    except TaskTimeout as error:  # it would take as long again
        _withdraw(context, media)
        raise PermanentError(
            f"The task's timeout was over at {progress.percent:.0f} %; try again with a longer timeout_seconds."
        ) from error


def _transcode(context: TaskContext, media: MediaRecord, progress: Progress) -> dict[str, Any]:
    folder = folder_of(context, media)
    prefix = paths.hls(context.tenant, media.id, folder)
    try:
        stored = context.storage.stat(media.source_key)
        with context.storage.local_file(media.source_key) as path:
            progress.probing()
            demuxer = recognise(path)
            source = probe(context, path, demuxer)
            planned = plan(source)
            video = Video(path, demuxer, source, planned, prefix)
            manifest = Manifest(context.storage, context.tenant, media.id, _digest(stored, video))
            _go_on(context, media, manifest, prefix)
            with closing(EarlySound(context, video, manifest)) as sound:
                growing = Growing(context, media.id, video, manifest, sound)
                tick = growing.update if not _plays(media) else sound.tick
                try:
                    tracks, warnings = see(context, video, manifest, progress, tick)
                except Postpone:  # what plays until it goes on has its sound
                    sound.finish(planned.seconds, tick)
                    raise
                heard = sound.finish(tracks[0].duration, tick)
            others = list(enumerate(source.sound, 1))[heard.number :] if heard.track else []
            further = hear_further(context, path, demuxer, others, planned, tracks[0].duration)
            captions, unread = subtitles.caption(context, path, demuxer, media)
    except NotFound as error:
        raise no_source(media) from error
    alternatives = tuple(track for track, _ in further.tracks)
    variants = [
        Variant(rung, track, heard.track, alternatives) for rung, track in zip(planned.rungs, tracks, strict=True)
    ]
    tricks = trick_play(context, planned.rungs[0], tracks[0], prefix)
    publishing = progress.within(PUBLISHING)
    publishing(0)
    sounds = gather_sounds(context, prefix, source, heard, further)
    more = [*sounds.lines, tricks.line]
    master = master_playlist(variants, planned.rate, heard.language, more, sound=sounds.name)
    everything = [*tracks, *sounds.tracks]
    files = [POSTER, *tricks.files]
    publish(context.storage, prefix, context.scratch, everything, files, master)
    verify(context.storage, prefix, everything, {name: (context.scratch / name).stat().st_size for name in files})
    publishing(1)
    lacking = [*source.warnings, *warnings, *heard.warnings, *further.warnings, *unread]
    facts = _facts(source, planned, variants, lacking, folder) | sounds.facts
    context.attach(media.id, **switched(context, media, folder, facts), **captions)
    manifest.remove()
    return {"video_id": media.id, **facts}


def _plays(media: MediaRecord) -> bool:
    """Whether an earlier task has made the video, which plays on until this one has made it anew."""
    return "variants" in media.info


def _go_on(context: TaskContext, media: MediaRecord, manifest: Manifest, prefix: str) -> None:
    """Take up what an earlier run has left; what it has published of another source, or otherwise, goes."""
    if manifest.load() or _plays(media):
        return
    if media.info.get("playable_seconds"):
        context.note(media.id, playable_seconds=0)
    withdraw(context.storage, prefix)


def _withdraw(context: TaskContext, media: MediaRecord) -> None:
    """Remove what was stored of a video that cannot be made. What an earlier task has made of it stays."""
    context.remember(_WITHDRAWN, True)  # which is refused when another run may be making it
    Manifest(context.storage, context.tenant, media.id).remove()
    withdraw(context.storage, paths.hls(context.tenant, media.id, folder_of(context, media)))


def _digest(stored: StoredObject, video: Video) -> str:
    """Tells the source and how its pictures are made."""
    made = parts(video.source, video.demuxer, video.plan)
    commands = [graph.command(ffmpeg.binary(), *video[:4], part) for part in made[-1:]]
    return digest(stored, commands, video.path, ends=[part.end for part in made], prefix=video.prefix)


def _facts(source: Source, planned: Plan, variants: list[Variant], warnings: list[str], folder: str) -> dict[str, Any]:
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
        "hls_master": f"{paths.HLS}/{folder}{MASTER}",
        "poster": f"{paths.HLS}/{folder}{POSTER}",
        "storyboard": f"{paths.HLS}/{folder}{storyboard.INDEX}",
        "warnings": warnings,
    }
