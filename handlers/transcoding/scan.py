"""Looks at an untrusted file, in the decoder: a file that crashes the demuxer or fills the memory harms no worker.

It reads every packet, and decodes pictures all over the file, because only they tell sizes, rotation and interlacing;
or, where that is as sure to tell the same, the file's index and the beginnings of those pictures.
"""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

import av
from av.container import InputContainer

from handlers.media.bounds import MAX_PIXELS, MAX_TRACKS
from handlers.media.opening import open_as
from handlers.transcoding import tracks
from handlers.transcoding.colours import colours, unreadable
from handlers.transcoding.declared import declared_bytes, unfinished
from handlers.transcoding.encrypted import encrypted
from handlers.transcoding.indexed import read_index
from handlers.transcoding.iso_boxes import NotTold
from handlers.transcoding.looks import Look, Looks
from handlers.transcoding.rates import natural_rate, with_places
from handlers.transcoding.reading import Reading, Unreadable, read_all
from handlers.transcoding.source import Source
from handlers.transcoding.timeline import Timeline

#: The part of what a file promises that must be there.
_COMPLETE = 0.95


def look(path: str, demuxer: str) -> dict[str, Any]:
    """``scan`` as plain values."""
    return asdict(scan(path, demuxer))


def scan(path: str, demuxer: str) -> Source:
    """Look at the file at ``path`` as what it was recognised to be. Raises ``Unreadable``."""
    try:
        if demuxer == "mov":
            with suppress(NotTold):
                return _scan(path, demuxer, read_index)
        return _scan(path, demuxer, read_all)
    except MemoryError:
        raise
    except av.error.FFmpegError as error:
        raise Unreadable(f"The file is damaged, cut off or not a video ({error.strerror}).") from error


def _scan(path: str, demuxer: str, read: Callable[[Reading], None]) -> Source:
    with open_as(path, demuxer) as container:
        return _Scan(container, demuxer, Path(path), read).source()


class _Scan:
    """What the reading of an open file tells."""

    def __init__(self, container: InputContainer, demuxer: str, path: Path, read: Callable[[Reading], None]) -> None:
        if len(container.streams) >= MAX_TRACKS:
            raise Unreadable(f"The file has {MAX_TRACKS} tracks or more; send it with the ones that matter.")
        self._container = container
        self._demuxer = demuxer
        self._path = path
        self._reading = Reading(container, demuxer, path)
        self._indexed = {each.index: len(each.index_entries) for each in self._reading.streams}
        self._size = path.stat().st_size
        read(self._reading)

    def source(self) -> Source:
        """Everything that is known about it."""
        reading = self._reading
        timelines = reading.timelines
        index = tracks.preferred_video(list(reading.looks.values()), {s: t.count for s, t in timelines.items()})
        looks, video = reading.looks[index], timelines[index]
        look = looks.largest
        if not (video.count and look and looks.intact) and encrypted(self._path, self._demuxer):
            raise Unreadable("The video is encrypted (DRM); send it without.")
        if not video.count or look is None:
            raise Unreadable(f"The file has no picture that can be decoded (at most {MAX_PIXELS // 10**6} megapixels).")
        sound = tracks.sound(reading.sound, timelines)
        cut = self._missing(index, max([video.end, *(track.seconds for track in sound)]))
        rate, phase = self._rhythm(video, looks)
        return Source(
            width=look.width,
            height=look.height,
            rate=str(rate),
            phase=phase,
            video_start=video.start,
            video_seconds=video.end,
            pictures=video.count,
            packets=video.count + (timelines[sound[0].track].count if sound else 0),
            video_track=index,
            sound=sound,
            interlaced=looks.interlaced,
            alpha=any(each.alpha for each in looks.seen),
            uniform=looks.uniform,
            colours=colours(look.matrix, look.primaries, look.transfer, rgb=look.rgb, lines=look.lines),
            warnings=(*cut, *_colour_warnings(look), *tracks.left_out(self._container, index, sound)),
        )

    def _rhythm(self, video: Timeline, looks: Looks) -> Any:
        natural = natural_rate(video.mean_rate, video.typical_rate, steady=video.steady)
        return with_places(natural, video.shown(), interlaced=looks.interlaced)

    def _missing(self, index: int, end: float) -> list[str]:
        """Says that little is missing at the end. Raises ``Unreadable`` when it is more."""
        size, declared = self._size, declared_bytes(self._path, self._demuxer) or 0
        parts = [size / declared] if declared else []
        if self._demuxer == "mov" and self._indexed[index]:
            parts.append(self._reading.packets[index] / self._indexed[index])
        if self._demuxer == "flv" and self._container.duration:
            parts.append(end * av.time_base / self._container.duration)
        part = min(parts, default=1.0)
        if part < _COMPLETE:
            raise Unreadable(
                f"The file is cut off: only {part:.0%} of it is there. Upload it again.".replace("%", " %")
            )
        if declared > size:
            return [f"The file ends {declared - size} bytes before it should: its last moments may be missing."]
        if unfinished(self._path, self._demuxer):
            return ["The file has no end: its last moments may be missing."]
        return []


def _colour_warnings(look: Look) -> list[str]:
    if look.rgb or not unreadable(look.matrix):
        return []
    return ["The video stores its colours in a way that is not supported here: they may look wrong."]
