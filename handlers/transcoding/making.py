"""Makes the renditions of a video, pictures and sound side by side, and its captions."""

from contextlib import closing
from typing import Any, NamedTuple

from broker.context import TaskContext
from broker.errors import Postpone
from broker.media.records import MediaRecord
from handlers.transcoding import subtitles
from handlers.transcoding.early_sound import EarlySound
from handlers.transcoding.encoder import Video
from handlers.transcoding.further_sound import Further
from handlers.transcoding.growing import Growing
from handlers.transcoding.kept_sound import Heard
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
    tracks, unseen, heard, further = _see_and_hear(context, media, video, manifest, progress)
    captions, unread = subtitles.caption(context, video.path, video.demuxer, media)
    lacking = [*video.source.warnings, *unseen, *heard.warnings, *further.warnings, *unread]
    return Made(tracks, heard, further, captions, lacking)


def _see_and_hear(
    context: TaskContext, media: MediaRecord, video: Video, manifest: Manifest, progress: Progress
) -> tuple[list[Track], list[str], Heard, Further]:
    """The pictures, what they lack, and the sound."""
    with closing(EarlySound(context, video, manifest)) as sound:
        growing = Growing(context, media.id, video, manifest, sound)
        tick = growing.update if grows(context, media) else lambda: None
        try:
            tracks, unseen = see(context, video, manifest, progress, tick)
        except Postpone:  # what plays until it goes on has its sound
            sound.finish_first(tick)
            raise
        return tracks, unseen, *sound.finish(tracks[0].duration, tick)
