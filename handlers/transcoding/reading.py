"""Reads every packet of an open file, because headers lie: about lengths, frame rates and whether the rest is there."""

from collections import Counter
from pathlib import Path
from typing import Any

import av
from av.container import InputContainer
from av.video.stream import VideoStream

from broker.errors import PermanentError
from handlers.transcoding import tracks
from handlers.transcoding.looks import Looks
from handlers.transcoding.timeline import Timeline

_BROADCAST = frozenset({"mpegts", "mpeg"})
#: Tracks of pictures that are decoded, the largest: each takes memory and time.
_MOST_DECODED = 16
#: A file may name the same data this many times (edit lists do); in Matroska it may be compressed.
_REPEATED, _COMPRESSING, _SLACK = 4, "matroska", 2**20


class Unreadable(PermanentError):
    """The file cannot be transcoded, in a line for the person who sent it."""


class Reading:
    """What the packets of a file tell; counted by the indexes of streams."""

    def __init__(self, container: InputContainer, demuxer: str, path: Path) -> None:
        """Raises ``Unreadable`` when there are no pictures to decode."""
        self.container, self.path = container, path
        videos = _video_streams(container)
        self.looks = {stream.index: Looks(stream, alone=len(videos) == 1) for stream in videos}
        self.sound = [stream for stream in container.streams.audio if stream.codec_context]
        self.streams = [*(looks.stream for looks in self.looks.values()), *self.sound]
        origin = (container.start_time or 0) / av.time_base
        self.timelines = {each.index: Timeline(origin, demuxer in _BROADCAST) for each in self.streams}
        #: Seconds of a tick.
        self.bases = {each.index: float(each.time_base or 0) for each in self.streams}
        #: Packets that hold anything.
        self.packets = Counter[int]()
        #: Bytes that packets may have in all.
        self.most = path.stat().st_size * (1000 if demuxer == _COMPRESSING else _REPEATED) + _SLACK


def read_all(reading: Reading) -> None:
    """Read the whole file."""
    left = reading.most
    try:
        for packet in reading.container.demux(*reading.streams):
            if (
                packet.stream_index not in reading.timelines
            ):  # not decoded, but handed out by some demuxers all the same
                continue
            left -= max(1, packet.size)
            if left < 0:
                raise Unreadable(
                    "The file's index names the same data many times over: it is damaged, or made to do harm."
                )
            _add(reading, packet)
    except MemoryError:
        raise
    except av.error.FFmpegError:
        pass  # What comes after damage is not there, for ffmpeg neither.


def _add(reading: Reading, packet: "av.Packet[Any]") -> None:
    number = packet.stream_index
    timeline, looks = reading.timelines[number], reading.looks.get(number)
    if packet.size:
        reading.packets[number] += 1
        if not packet.is_discard:
            base, decode_time, time = reading.bases[number], packet.dts, packet.pts
            timeline.add(
                None if decode_time is None else decode_time * base,
                None if time is None else time * base,
                (packet.duration or 0) * base,
            )
    if looks:
        looks.feed(packet, timeline.latest)


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
