"""Which of a file's tracks stands for it, and what can be decoded of it."""

from collections.abc import Iterable, Iterator
from typing import Any, TypeVar

import av
from av.container import InputContainer
from av.stream import Disposition, Stream
from av.video.reformatter import Colorspace

from broker.errors import PermanentError
from handlers.media.bounds import MAX_PIXELS

#: The colour matrices (ITU-T H.273) that the libraries convert to RGB. Others, such as YCgCo, are shown as if they were
#: BT.709: in wrong colours, but shown.
_CONVERTED = frozenset({0, 1, 2, 4, 5, 6, 7, 9})

AnyStream = TypeVar("AnyStream", bound=Stream)


def video_track(container: InputContainer) -> av.VideoStream:
    """The track that is marked as default, else the largest; covers of albums do not count.

    A mark on the first of several says nothing, because programs put it there by themselves. Raises ``PermanentError``
    when there is none to decode.
    """
    tracks = _moving(container)
    if not tracks:
        raise PermanentError("This file has no pictures.")
    decodable = _decodable(tracks)
    by_size = sorted(decodable, key=lambda each: -each.width * each.height)
    track = by_size[0] if _is_default(decodable[0]) else _preferred(by_size)
    if track.width * track.height > MAX_PIXELS:
        raise PermanentError(f"This video has more than {MAX_PIXELS // 1_000_000} million pixels per frame.")
    return track


def has_pictures(container: InputContainer) -> bool:
    """Whether it is a video; sound with covers, or with pictures of its chapters, is none."""
    return bool(_moving(container))


def audio_track(container: InputContainer) -> av.AudioStream:
    """The track that is marked as default, else the first. Raises ``PermanentError`` when there is none to decode."""
    if not container.streams.audio:
        raise PermanentError("This file has no sound.")
    return _preferred(_decodable(container.streams.audio))


def frames(container: InputContainer, track: Any) -> Iterator[Any]:
    """The track's frames from where the file stands."""
    return decoded(container.demux(track), track)


def decoded(packets: Iterator[Any], track: Any) -> Iterator[Any]:
    """The packets' frames. What is damaged is passed over, and what is behind damage of the container is not there: so
    do players.
    """
    while True:
        try:
            found = track.decode(next(packets))
        except StopIteration:
            return
        except MemoryError:
            raise
        except av.FFmpegError:
            continue
        for frame in found:
            if isinstance(frame, av.VideoFrame) and frame.colorspace not in _CONVERTED:
                frame.colorspace = Colorspace.ITU709
            yield frame


def _moving(container: InputContainer) -> list[av.VideoStream]:
    return [each for each in container.streams.video if not each.disposition & Disposition.attached_pic]


def _decodable(tracks: Iterable[AnyStream]) -> list[AnyStream]:
    found = [each for each in tracks if each.codec_context]
    if not found:
        raise PermanentError("This file is of a codec that is not supported.")
    return found


def _preferred(tracks: list[AnyStream]) -> AnyStream:
    return max(tracks, key=_is_default)


def _is_default(track: Stream) -> bool:
    return bool(track.disposition & Disposition.default)
