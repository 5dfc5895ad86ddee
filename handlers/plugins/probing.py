"""What media files say about themselves, read in the decoder.

Sizes are pixels, times seconds, rates per second; unknown is ``None``.
"""

import re
from contextlib import suppress
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
from av.container import InputContainer
from av.stream import Stream

from handlers.media.opening import recording
from handlers.media.pictures import picture, upright_size
from handlers.media.tracks import frames

#: Tracks of pictures of which one is decoded.
_MOST_DECODED = 16
#: The tag DURATION of Matroska, as in 00:01:02.345000000.
_TAG = re.compile(r"(\d{1,9}):(\d\d):(\d\d(?:\.\d{1,9})?)")


def describe_recording(path: str) -> dict[str, Any]:
    """A video or audio file. Raises ``PermanentError``."""
    with recording(Path(path)) as container:
        return {
            "format": container.format.name,
            "duration_seconds": _seconds(container.duration, Fraction(1, av.time_base)),
            "bit_rate": container.bit_rate or None,
            "streams": [_stream(container, stream) for stream in container.streams],
        }


def describe_picture(path: str) -> dict[str, Any]:
    """A picture as it is to be seen. Raises ``PermanentError``."""
    with picture(Path(path)) as image:
        width, height = upright_size(image)
        return {
            "format": image.format,
            "width": width,
            "height": height,
            "mode": image.mode,
            "transparent": image.has_transparency_data,
            "frames": getattr(image, "n_frames", 1),
        }


def _stream(container: InputContainer, stream: Stream) -> dict[str, Any]:
    codec = stream.codec_context
    told = {
        "index": stream.index,
        "type": stream.type,
        "codec": codec.name if codec else None,
        "profile": stream.profile if codec else None,
        "duration_seconds": _duration(container, stream),
        "bit_rate": (codec.bit_rate or None) if codec else None,
        "language": stream.language,
    }
    if isinstance(stream, av.VideoStream) and codec:
        seen = stream in container.streams.video[:_MOST_DECODED]
        rate = stream.average_rate
        told |= {"width": stream.width, "height": stream.height, "pixel_format": stream.pix_fmt}
        told |= {
            "frame_rate": round(float(rate), 3) if rate else None,
            "rotation": _rotation(container, stream) if seen else None,
        }
    elif isinstance(stream, av.AudioStream) and codec:
        told |= {"sample_rate": stream.rate, "channels": stream.channels, "layout": stream.layout.name}
    return told


def _duration(container: InputContainer, stream: Stream) -> float | None:
    """Matroska has it as a tag; FLV and other WebM know only that of the whole file, which sound and pictures share."""
    told = _seconds(stream.duration, stream.time_base) or _tagged(stream.metadata.get("DURATION", ""))
    if told is None and stream.type in ("video", "audio"):
        return _seconds(container.duration, Fraction(1, av.time_base))
    return told


def _tagged(duration: str) -> float | None:
    found = _TAG.fullmatch(duration.strip())
    return round(3600 * int(found[1]) + 60 * int(found[2]) + float(found[3]), 3) or None if found else None


def _rotation(container: InputContainer, stream: av.VideoStream) -> int | None:
    """Degrees by which players turn the picture, which only a picture tells."""
    with suppress(av.FFmpegError):
        container.seek(0)
    first = next(frames(container, stream), None)
    return None if first is None else int(first.rotation)


def _seconds(length: int | None, base: Fraction | None) -> float | None:
    return round(float(length * base), 3) if length and base else None
