"""All renditions of sound together: what the master playlist, the media record and the task's answer say of them."""

from typing import Any, NamedTuple

from broker.context import TaskContext
from handlers.transcoding import loudness
from handlers.transcoding.further_sound import Further, master_lines, named
from handlers.transcoding.kept_sound import Heard
from handlers.transcoding.playlists import MEDIA, Track
from handlers.transcoding.source import Source


class Sounds(NamedTuple):
    """The renditions, the first one's name for viewers, lines of the master playlist on the others, and the facts."""

    tracks: list[Track]
    name: str
    lines: list[str]
    facts: dict[str, Any]


def gather_sounds(context: TaskContext, prefix: str, source: Source, heard: Heard, further: Further) -> Sounds:
    """All of them are stored; measure how loud the first is."""
    if heard.track is None:
        return Sounds([], "", [], {"audio_tracks": [], "loudness": None})
    made = [(heard.track, source.sound[heard.number - 1]), *further.tracks]
    names = named([each for _, each in made])
    measured = loudness.measure(context, prefix, heard.track)
    facts = {
        "audio_tracks": [
            {"name": name, "language": each.language, "playlist": f"{track.name}/{MEDIA}"}
            for name, (track, each) in zip(names, made, strict=True)
        ],
        "loudness": measured and measured._asdict(),
    }
    lines = master_lines(further.tracks, names[1:], heard.track)
    return Sounds([track for track, _ in made], names[0], lines, facts)
