"""Makes the renditions of a video, pictures and sound side by side, and its captions."""

from contextlib import closing
from typing import Any, NamedTuple

from broker.context import TaskContext
from broker.errors import Postpone
from broker.media.records import MediaRecord
from handlers.transcoding import subtitles
from handlers.transcoding.early_sound import EarlySound
from handlers.transcoding.encoder import Video
from handlers.transcoding.further_sound import Further, hear_further
from handlers.transcoding.growing import Growing
from handlers.transcoding.hear import Heard
from handlers.transcoding.manifest import Manifest
from handlers.transcoding.playlists import Track
from handlers.transcoding.progress import Progress
from handlers.transcoding.see import see
from handlers.transcoding.version import grows


class Made(NamedTuple):
    """The renditions of pictures, smallest first, those of sound, the notes on captions, and all that is lacking."""

    tracks: list[Track]
    heard: Heard
    further: Further
    captions: dict[str, Any]
    warnings: list[str]


def make(context: TaskContext, media: MediaRecord, video: Video, manifest: Manifest, progress: Progress) -> Made:
    """See, hear and read everything while the source is here.

    Raises ``Postpone`` when other videos come first.
    """
    tracks, heard, unseen = _see_and_hear(context, media, video, manifest, progress)
    others = list(enumerate(video.source.sound, 1))[heard.number :] if heard.track else []
    further = hear_further(context, video.path, video.demuxer, others, video.plan, tracks[0].duration)
    captions, unread = subtitles.caption(context, video.path, video.demuxer, media)
    lacking = [*video.source.warnings, *unseen, *heard.warnings, *further.warnings, *unread]
    return Made(tracks, heard, further, captions, lacking)


def _see_and_hear(
    context: TaskContext, media: MediaRecord, video: Video, manifest: Manifest, progress: Progress
) -> tuple[list[Track], Heard, list[str]]:
    """Also what the pictures lack."""
    with closing(EarlySound(context, video, manifest)) as sound:
        growing = Growing(context, media.id, video, manifest, sound)
        tick = growing.update if grows(context, media) else sound.tick
        try:
            tracks, unseen = see(context, video, manifest, progress, tick)
        except Postpone:  # what plays until it goes on has its sound
            sound.finish(video.plan.seconds, tick)
            raise
        return tracks, sound.finish(tracks[0].duration, tick), unseen
