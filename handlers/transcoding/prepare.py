"""Begins a run: looks at the source, plans what is made of it, and takes up what an earlier run has left."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from broker.context import TaskContext
from broker.media.records import MediaRecord
from broker.media.storage import StoredObject
from handlers.transcoding import ffmpeg, sound
from handlers.transcoding.asked import asked
from handlers.transcoding.command import command
from handlers.transcoding.encoder import Video
from handlers.transcoding.looked import kept, looked_at
from handlers.transcoding.manifest import Manifest, digest
from handlers.transcoding.passthrough import package
from handlers.transcoding.plan import plan
from handlers.transcoding.probe import recognise
from handlers.transcoding.publish import withdraw
from handlers.transcoding.ranges import parts
from handlers.transcoding.stretches import stretches
from handlers.transcoding.version import makes_first


def look_and_plan(
    context: TaskContext, media: MediaRecord, stored: StoredObject, path: Path, prefix: str, *, keep: bool
) -> Video:
    """What the file at ``path`` holds and what will be made of it, below ``prefix`` in the storage.

    ``keep``: a later run finds what the look has told. Raises ``PermanentError`` for what cannot be transcoded, or not
    as it is asked for.
    """
    demuxer = recognise(path)
    source, wanted = looked_at(context, media.id, stored, path, demuxer, keep=keep), asked(context)
    source = replace(source, warnings=(*source.warnings, *wanted.warnings))
    planned = plan(source, wanted.profile, wanted.encoder, wanted.loudness)
    if context.payload.get("passthrough"):
        planned, unfit = package(context, path, demuxer, source, planned, wanted.profile)
        source = replace(source, warnings=(*source.warnings, *([unfit] if unfit else [])))
    return Video(path, demuxer, source, planned, prefix)


def take_up(context: TaskContext, media: MediaRecord, stored: StoredObject, video: Video) -> Manifest:
    """What is made of the video so far; what a run has published of another source, or otherwise, goes."""
    manifest = Manifest(context, media.id, digest_of(stored, video))
    if not manifest.load(kept(context, media.id, stored)) and makes_first(context, media):
        if media.info.get("playable_seconds"):
            context.note(media.id, playable_seconds=0)
        withdraw(context.storage, video.prefix)
    return manifest


def digest_of(stored: StoredObject, video: Video) -> str:
    """Tells the source, and how its pictures and its sound are made."""
    made = parts(video.source, video.demuxer, video.plan)
    plan = video.plan
    telling = [*[part for part in made if part.rungs == (plan.copied,)], made[-1]]
    commands = [command(ffmpeg.binary(), *video[:4], part) for part in telling]
    commands += [
        part
        for each in video.source.sound[:1]
        for part in (
            sound.decoding(ffmpeg.binary(), video.path, video.demuxer, each.track, plan.seconds),
            sound.encoding(ffmpeg.binary(), stretches(plan, plan.seconds)[-1]),
        )
    ]
    more: dict[str, Any] = {"ends": [part.end for part in made], "loudness": plan.loudness}
    if video.source.sound:
        more["stretches"] = [[each.first, each.reads_from, each.reads_to] for each in stretches(plan, plan.seconds)]
    if plan.grid:
        more["groups"] = [plan.grid.keys, plan.grid.starts]
    return digest(stored, commands, video.path, prefix=video.prefix, **more)
