"""Chooses among the tracks of a file: one of pictures, and those of sound in the order in which they are tried."""

import re
from collections.abc import Mapping, Sequence

from av.audio.stream import AudioStream
from av.container import InputContainer
from av.stream import Disposition
from av.video.stream import VideoStream

from broker.captions.languages import shortest
from handlers.transcoding.looks import Looks
from handlers.transcoding.source import SoundTrack
from handlers.transcoding.texts import text_tracks
from handlers.transcoding.timeline import Timeline

_LANGUAGE = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{1,8})*")
#: Characters of a title.
_TITLE = 60
_COVERS = Disposition.attached_pic | Disposition.timed_thumbnails


def films(container: InputContainer) -> list[VideoStream]:
    """The video tracks that are no cover pictures."""
    return [stream for stream in container.streams.video if not stream.disposition & _COVERS]


def preferred_video(candidates: Sequence[Looks], packets: Mapping[int, int]) -> int:
    """The index of the track that is marked as default, else of the largest.

    Those that decode come first, and films before single pictures. A mark on the first track says nothing, because
    programs put it there by themselves. ``packets`` are counted by index.
    """
    marked = {each.stream.index for each in candidates if each.stream.disposition & Disposition.default}
    if candidates[0].stream.index in marked:
        marked = set()

    def worth(each: Looks) -> tuple[bool, bool, bool, bool, int]:
        look, index = each.largest, each.stream.index
        size = look.width * look.height if look else 0
        return bool(look and packets[index]), each.intact, packets[index] > 1, index in marked, size

    return max(candidates, key=worth).stream.index


def sound(streams: Sequence[AudioStream], timelines: Mapping[int, Timeline]) -> tuple[SoundTrack, ...]:
    """The tracks that hold anything: the one that is marked as default first."""
    heard = [stream for stream in streams if timelines[stream.index].count]
    heard.sort(key=lambda stream: not stream.disposition & Disposition.default)
    return tuple(SoundTrack(each.index, _language(each), timelines[each.index].end, _title(each)) for each in heard)


def left_out(container: InputContainer, video: int, chosen: Sequence[SoundTrack]) -> list[str]:
    """Says which tracks nothing is made of."""
    pictures = len(films(container)) - 1
    sounds = len(container.streams.audio) - len(chosen)
    drawn = len(container.streams.subtitles) - len(text_tracks(container))
    kinds = ((pictures, "further video"), (sounds, "further sound" if chosen else "sound"), (drawn, "drawn subtitle"))
    return [
        f"{count} {kind} track{' is' if count == 1 else 's are'} left out."
        + (" Its codec is not supported, or it is empty." if "sound" in kind else "")
        for count, kind in kinds
        if count
    ]


def _language(stream: AudioStream) -> str:
    """As the file names it, if that is a language tag (BCP 47): it ends up in a playlist."""
    named = stream.language or ""
    return shortest(named) if _LANGUAGE.fullmatch(named) else "und"


def _title(stream: AudioStream) -> str:
    """Printable, short, and without what would end an attribute of a playlist."""
    title = "".join(filter(str.isprintable, str(stream.metadata.get("title", "")))).replace('"', "'")
    return title.strip()[:_TITLE]
