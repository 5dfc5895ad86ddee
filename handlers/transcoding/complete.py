"""Ends a run: publishes what was made, checks it, and tells the facts."""

import os
from typing import Any

from broker.context import TaskContext
from broker.media import paths
from broker.media.transcoding_options import chosen
from handlers.transcoding import storyboard
from handlers.transcoding.encoder import Video
from handlers.transcoding.making import Made
from handlers.transcoding.playlists import MASTER, Variant, master_playlist
from handlers.transcoding.poster import POSTER
from handlers.transcoding.progress import PUBLISHING, Progress
from handlers.transcoding.publish import publish
from handlers.transcoding.sounds import gather_sounds
from handlers.transcoding.trick_play import trick_play
from handlers.transcoding.verify import verify


def complete(context: TaskContext, video: Video, made: Made, folder: str, progress: Progress) -> dict[str, Any]:
    """Publish everything; answers what the media record and the task's answer say. ``folder`` is the version's.

    Raises ``Mismatch`` when the storage does not hold what was made.
    """
    prefix, planned = video.prefix, video.plan
    alternatives = tuple(track for track, _ in made.further.tracks)
    variants = [
        Variant(rung, track, made.heard.track, alternatives)
        for rung, track in zip(planned.rungs, made.tracks, strict=True)
    ]
    tricks = trick_play(context, planned.rungs[0], made.tracks[0], prefix)
    publishing = progress.within(PUBLISHING)
    publishing(0)
    sounds = gather_sounds(context, prefix, video.source, made.heard, made.further)
    more = [*sounds.lines, tricks.line]
    master = master_playlist(variants, planned.rate, made.heard.language, more, sound=sounds.name)
    everything = [*made.tracks, *sounds.tracks]
    files = [POSTER, *tricks.files]
    publish(context.storage, prefix, context.scratch, everything, files, master)
    verify(context.storage, prefix, everything, {name: (context.scratch / name).stat().st_size for name in files})
    publishing(1)
    name, _ = chosen(context.payload, os.environ)
    return {"profile": name} | _facts(video, variants, made.warnings, folder) | sounds.facts


def _facts(video: Video, variants: list[Variant], warnings: list[str], folder: str) -> dict[str, Any]:
    return {
        "width": video.source.width,
        "height": video.source.height,
        "duration_seconds": round(float(variants[0].track.duration), 3),
        "frame_rate": round(float(video.plan.rate), 3),
        "encoder": video.plan.encoding.encoder,
        "variants": [
            {
                "name": variant.rung.name,
                "width": variant.rung.width,
                "height": variant.rung.height,
                "bandwidth": variant.bandwidth,
                "codecs": variant.codecs,
                "playlist": variant.playlist,
                "encoder": "copy" if variant.rung == video.plan.copied else video.plan.encoding.encoder,
            }
            for variant in variants
        ],
        "hls_master": f"{paths.HLS}/{folder}{MASTER}",
        "poster": f"{paths.HLS}/{folder}{POSTER}",
        "storyboard": f"{paths.HLS}/{folder}{storyboard.INDEX}",
        "warnings": warnings,
    }
