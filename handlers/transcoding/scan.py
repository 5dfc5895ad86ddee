"""Looks at an untrusted file, in the decoder: a file that crashes the demuxer or fills the memory harms no worker.

It reads every packet, because headers lie: about lengths, frame rates and whether the rest of the file is there. It
decodes pictures all over the file, because only they tell sizes, rotation and interlacing.
"""

from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import Any

import av
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.video.stream import VideoStream

from broker.errors import PermanentError
from handlers.media.bounds import MAX_PIXELS, MAX_TRACKS
from handlers.media.opening import open_as
from handlers.transcoding import tracks
from handlers.transcoding.colours import colours, unreadable
from handlers.transcoding.declared import declared_bytes, unfinished
from handlers.transcoding.looks import Look, Looks
from handlers.transcoding.rates import natural_rate, with_places
from handlers.transcoding.source import Source
from handlers.transcoding.timeline import Timeline

_BROADCAST = frozenset({"mpegts", "mpeg"})
#: The part of what a file promises that must be there.
_COMPLETE = 0.95
#: Tracks of pictures that are decoded, the largest: each takes memory and time.
_MOST_DECODED = 16
#: A file may name the same data this many times (edit lists do); in Matroska it may be compressed.
_REPEATED, _COMPRESSING, _SLACK = 4, "matroska", 2**20


class Unreadable(PermanentError):
    """The file cannot be transcoded, in a line for the person who sent it."""


def look(path: str, demuxer: str) -> dict[str, Any]:
    """``scan`` as plain values."""
    return asdict(scan(path, demuxer))


def scan(path: str, demuxer: str) -> Source:
    """Look at the file at ``path`` as what it was recognised to be. Raises ``Unreadable``."""
    try:
        with open_as(path, demuxer) as container:
            return _Scan(container, demuxer, Path(path)).source()
    except MemoryError:
        raise
    except av.error.FFmpegError as error:
        raise Unreadable(f"The file is damaged, cut off or not a video ({error.strerror}).") from error


class _Scan:
    """One pass over an open file."""

    def __init__(self, container: InputContainer, demuxer: str, path: Path) -> None:
        if len(container.streams) >= MAX_TRACKS:
            raise Unreadable(f"The file has {MAX_TRACKS} tracks or more; send it with the ones that matter.")
        self._container = container
        self._demuxer = demuxer
        self._path = path
        self._looks = {stream.index: Looks(stream) for stream in _video_streams(container)}
        self._sound = [stream for stream in container.streams.audio if stream.codec_context]
        self._indexed = {index: len(looks.stream.index_entries) for index, looks in self._looks.items()}
        self._timelines: dict[int, Timeline] = {}
        self._packets = Counter[int]()
        self._size = path.stat().st_size
        self._left = self._size * (1000 if demuxer == _COMPRESSING else _REPEATED) + _SLACK

    def source(self) -> Source:
        """Read everything."""
        self._read([*(looks.stream for looks in self._looks.values()), *self._sound])
        index = tracks.preferred_video(list(self._looks.values()), {s: t.count for s, t in self._timelines.items()})
        looks, video = self._looks[index], self._timelines[index]
        look = looks.largest
        if not video.count or look is None:
            raise Unreadable(f"The file has no picture that can be decoded (at most {MAX_PIXELS // 10**6} megapixels).")
        sound = tracks.sound(self._sound, self._timelines)
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
            packets=video.count + (self._timelines[sound[0].track].count if sound else 0),
            video_track=index,
            sound=sound,
            interlaced=looks.interlaced,
            alpha=any(each.alpha for each in looks.seen),
            uniform=looks.uniform,
            colours=colours(look.matrix, look.primaries, look.transfer, rgb=look.rgb, lines=look.lines),
            warnings=(*cut, *_colour_warnings(look), *tracks.left_out(self._container, index, sound)),
        )

    def _read(self, streams: list[VideoStream | AudioStream]) -> None:
        origin = (self._container.start_time or 0) / av.time_base
        self._timelines = {each.index: Timeline(origin, self._demuxer in _BROADCAST) for each in streams}
        try:
            for packet in self._container.demux(*streams):
                self._add(packet)
        except MemoryError:
            raise
        except av.error.FFmpegError:
            pass  # What comes after damage is not there, for ffmpeg neither.

    def _add(self, packet: "av.Packet[Any]") -> None:
        timeline = self._timelines.get(packet.stream_index)
        if timeline is None:  # of a track that is not decoded, which some demuxers hand out all the same
            return
        self._packets[packet.stream_index] += bool(packet.size)
        self._left -= max(1, packet.size)
        if self._left < 0:
            raise Unreadable("The file's index names the same data many times over: it is damaged, or made to do harm.")
        if packet.size and not packet.is_discard:
            base = float(packet.time_base)
            times = [None if value is None else value * base for value in (packet.dts, packet.pts)]
            timeline.add(times[0], times[1], (packet.duration or 0) * base)
        if packet.stream_index in self._looks:
            self._looks[packet.stream_index].feed(packet, timeline.latest)

    def _rhythm(self, video: Timeline, looks: Looks) -> Any:
        natural = natural_rate(video.mean_rate, video.typical_rate, steady=video.steady)
        return with_places(natural, video.shown(), interlaced=looks.interlaced)

    def _missing(self, index: int, end: float) -> list[str]:
        """Says that little is missing at the end. Raises ``Unreadable`` when it is more."""
        size, declared = self._size, declared_bytes(self._path, self._demuxer) or 0
        parts = [size / declared] if declared else []
        if self._demuxer == "mov" and self._indexed[index]:
            parts.append(self._packets[index] / self._indexed[index])
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


def _video_streams(container: InputContainer) -> list[VideoStream]:
    """The tracks that are no cover pictures and can be decoded."""
    films = tracks.films(container)
    if not films:
        raise Unreadable("The file has no video track. Send sound as audio, and pictures as images.")
    decodable = [stream for stream in films if stream.codec_context]
    if not decodable:
        raise Unreadable("The video's codec is not supported.")
    largest = sorted(decodable, key=lambda stream: -stream.width * stream.height)[:_MOST_DECODED]
    return [stream for stream in decodable if stream in largest]


def _colour_warnings(look: Look) -> list[str]:
    if look.rgb or not unreadable(look.matrix):
        return []
    return ["The video stores its colours in a way that is not supported here: they may look wrong."]
