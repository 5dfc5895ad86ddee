"""Looks at an untrusted file, in the decoder: a file that crashes the demuxer or fills the memory harms no worker.

It reads every packet, because headers lie: about lengths, frame rates and whether the rest of the file is there. It
decodes a few pictures, because only they tell rotation and interlacing.
"""

import re
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import asdict
from fractions import Fraction
from typing import Any

import av
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.stream import Disposition
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from broker.errors import PermanentError
from handlers.media.bounds import MAX_PIXELS
from handlers.media.opening import open_as
from handlers.transcoding.source import Source
from handlers.transcoding.timeline import Timeline

#: Pictures that are decoded.
_LOOKED_AT = 8
_BROADCAST = frozenset({"mpegts", "mpeg"})
#: Of the packets that an index lists, the part that must be there.
_COMPLETE = 0.95
#: Sample aspect ratios beyond these are mistakes.
_SANE_ASPECT = (Fraction(1, 4), Fraction(4))
#: ITU-T H.273: transfer characteristics, and "unspecified".
_HDR_TRANSFERS = {16: "smpte2084", 18: "arib-std-b67"}
_UNSPECIFIED = 2
#: From this many lines on, video without a colour matrix is taken for high definition (as players do).
_HD_LINES = 720
_LANGUAGE = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{1,8})*")


class Unreadable(PermanentError):
    """The file cannot be transcoded, in a line for the person who sent it."""


def look(path: str, demuxer: str) -> dict[str, Any]:
    """``scan`` as plain values."""
    return asdict(scan(path, demuxer))


def scan(path: str, demuxer: str) -> Source:
    """Look at the file at ``path`` as what it was recognised to be. Raises ``Unreadable``."""
    try:
        with open_as(path, demuxer) as container:
            return _Scan(container, demuxer).source()
    except MemoryError:
        raise
    except av.error.FFmpegError as error:
        raise Unreadable(f"The file is damaged, cut off or not a video ({error.strerror}).") from error


class _Scan:
    """One pass over an open file."""

    def __init__(self, container: InputContainer, demuxer: str) -> None:
        self._container = container
        self._demuxer = demuxer
        self._video = _video_stream(container)
        self._indexed = len(self._video.index_entries) if demuxer == "mov" else 0
        self._packets = 0
        self._frames: list[VideoFrame] = []
        self._timelines: dict[int, Timeline] = {}

    def source(self) -> Source:
        """Read everything."""
        decodable = [stream for stream in self._container.streams.audio if stream.codec_context]
        self._read([self._video, *decodable])
        video = self._timelines[self._video.index]
        self._check(video)
        audio = _preferred([stream for stream in decodable if self._timelines[stream.index].count])
        width, height = self._size()
        return Source(
            width=width,
            height=height,
            mean_rate=video.mean_rate,
            typical_rate=video.typical_rate,
            steady=video.steady,
            video_seconds=video.end,
            audio_seconds=self._timelines[audio.index].end if audio else 0.0,
            audio_track=self._container.streams.audio.index(audio) if audio else None,
            language=_language(audio),
            **self._picture(),
        )

    def _read(self, streams: list[VideoStream | AudioStream]) -> None:
        origin = (self._container.start_time or 0) / av.time_base
        self._timelines = {each.index: Timeline(origin, self._demuxer in _BROADCAST) for each in streams}
        with suppress(av.error.FFmpegError):  # What comes after damage is not there, for ffmpeg neither.
            for packet in self._container.demux(*streams):
                if packet.size and not packet.is_discard:
                    base = float(packet.time_base)
                    times = [None if value is None else value * base for value in (packet.dts, packet.pts)]
                    self._timelines[packet.stream_index].add(times[0], times[1], (packet.duration or 0) * base)
                if packet.stream_index == self._video.index:
                    self._look(packet)

    def _look(self, packet: "av.Packet[Any]") -> None:
        self._packets += bool(packet.size)
        if len(self._frames) < _LOOKED_AT:
            with suppress(av.error.FFmpegError):
                self._frames += self._video.decode(packet)

    def _check(self, video: Timeline) -> None:
        if not video.count or not self._video.width or not self._frames:
            raise Unreadable(f"The file has no picture that can be decoded (at most {MAX_PIXELS // 10**6} megapixels).")
        if self._packets < self._indexed * _COMPLETE:
            percent = 100 * self._packets // self._indexed
            raise Unreadable(f"The file is cut off: only {percent} % of its video is there. Upload it again.")

    def _size(self) -> tuple[int, int]:
        aspect = self._video.sample_aspect_ratio or Fraction(1)
        if not _SANE_ASPECT[0] <= aspect <= _SANE_ASPECT[1]:
            aspect = Fraction(1)
        frame = self._frames[0]
        width, height = round(frame.width * aspect), frame.height
        return (height, width) if frame.rotation % 180 == 90 else (width, height)

    def _picture(self) -> dict[str, Any]:
        frame = self._frames[0]
        named = frame.format.is_rgb or frame.colorspace != _UNSPECIFIED
        return {
            "interlaced": any(each.interlaced_frame for each in self._frames),
            "alpha": any(component.is_alpha for component in frame.format.components),
            "hdr_transfer": _HDR_TRANSFERS.get(int(frame.color_trc), ""),
            "assumed_matrix": "" if named else "bt709" if frame.height >= _HD_LINES else "smpte170m",
        }


def _video_stream(container: InputContainer) -> VideoStream:
    """The first video track that is not a cover picture: ffmpeg's ``V:0``."""
    for stream in container.streams.video:
        if not stream.disposition & Disposition.attached_pic:
            if not stream.codec_context:
                raise Unreadable("The video's codec is not supported.")
            return stream
    raise Unreadable("The file has no video track.")


def _preferred(streams: Iterable[AudioStream]) -> AudioStream | None:
    """The track marked as default, else the first."""
    return max(streams, key=lambda stream: bool(stream.disposition & Disposition.default), default=None)


def _language(stream: AudioStream | None) -> str:
    """As the file names it, if that is a language tag (BCP 47): it ends up in a playlist."""
    named = (stream.language if stream else None) or ""
    return named if _LANGUAGE.fullmatch(named) else "und"
