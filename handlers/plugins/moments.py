"""Finds the frame that a video shows at a moment, in containers of every kind.

Where a seek lands is the container's affair: some have an index of key frames, others (MPEG-TS, MPEG-PS) are searched
for any packet near the time, from where nothing can be decoded up to the next key frame. So what a seek has found is
looked at, and one further back is tried until there is a key frame at or before the moment.
"""

from collections.abc import Iterator
from contextlib import suppress
from itertools import chain
from pathlib import Path
from typing import Any

import av
from av.container import InputContainer
from av.video.frame import VideoFrame

from broker.errors import PermanentError
from handlers.media.bounds import MAX_PIXELS
from handlers.media.opening import recording
from handlers.media.tracks import decoded, frames, video_track

#: Seconds before the moment from which key frames are looked for, one after the other.
_BACK = (0.0, 2.0, 10.0, 60.0)
#: Containers (MPEG-PS) that guess the times of the first packets behind a seek: there the first step back is left out.
_VAGUE = frozenset({"mpeg"})
#: Seconds by which a frame's time may be rounded.
_EXACT = 1e-6

#: A frame, and the seconds from the beginning of the video at which it begins.
Shown = tuple[VideoFrame, float]
Packet = Any


def frame_at(path: Path, container: InputContainer, track: av.VideoStream, seconds: float) -> Shown:
    """The last frame of ``track`` that begins at or before the moment, else the first.

    Raises ``PermanentError`` when no frame can be decoded.
    """
    for back in _BACK[container.format.name in _VAGUE :]:
        found = _after_seek(container, track, seconds, back)
        if found:
            return found
    with recording(path) as afresh:  # no seek is needed to get to its beginning
        track = video_track(afresh)
        found = _last(_timed(frames(afresh, track), track), seconds)
    if found is None:
        raise PermanentError(
            f"This file has no picture that can be decoded (at most {MAX_PIXELS // 10**6} megapixels)."
        )
    return found


def _after_seek(container: InputContainer, track: av.VideoStream, seconds: float, back: float) -> Shown | None:
    """What is decoded from the first key frame behind a seek, unless that is too late."""
    try:
        target = min(seconds, length(container) or seconds) - back
        container.seek(int((_origin(track) + target) * av.time_base), backward=True)
    except av.FFmpegError:
        return None
    packets = container.demux(track)
    key, begins = _first_key(packets, track, seconds)
    if key is None:
        return None
    # Frames that are shown before the key frame, though they come after it, need what lies before it.
    shown = (each for each in _timed(decoded(chain([key], packets), track), track) if each[1] >= begins - _EXACT)
    found = _last(shown, seconds)
    return found if found and found[1] <= seconds + _EXACT else None


def _first_key(packets: Iterator[Packet], track: av.VideoStream, seconds: float) -> tuple[Packet | None, float]:
    """The next packet with a key frame and its time; ``None`` when all that is left begins after ``seconds``."""
    with suppress(av.FFmpegError):
        for packet in packets:
            time = packet.dts if packet.pts is None else packet.pts
            begins = 0.0 if time is None else float(time * packet.time_base) - _origin(track)
            if begins > seconds + _EXACT:
                break
            if packet.is_keyframe and packet.size:
                return packet, begins
    return None, 0.0


def _timed(found: Iterator[VideoFrame], track: av.VideoStream) -> Iterator[Shown]:
    """Frames and when they begin; one that tells no time follows the one before it."""
    begins, step = 0.0, float(1 / (track.average_rate or 25))
    for frame in found:
        begins = begins + step if frame.time is None else frame.time - _origin(track)
        yield frame, max(0.0, begins)


def _last(shown: Iterator[Shown], seconds: float) -> Shown | None:
    """The last that begins at or before the moment, else the first."""
    found = None
    for each in shown:
        if found and each[1] > seconds + _EXACT:
            break
        found = each
    return found


def length(container: InputContainer) -> float:
    """Seconds, 0 when the file does not tell."""
    return (container.duration or 0) / av.time_base


def _origin(track: av.VideoStream) -> float:
    """What the file calls the beginning of the track, in seconds."""
    return float((track.start_time or 0) * (track.time_base or 0))
