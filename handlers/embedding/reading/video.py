"""Chooses the frames by which a video is found, in the decoder: key frames that differ from those before them.

Decoding key frames alone costs a tenth of decoding everything and finds nearly as much.
"""

from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import av
import numpy as np
from PIL import Image

from broker.errors import PermanentError
from handlers.embedding.reading.picture import Raw, raw, shrink
from handlers.embedding.text import spread
from handlers.media.bounds import MAX_PIXELS
from handlers.media.opening import recording
from handlers.media.tracks import frames, video_track

_MOST_FRAMES = 32
#: Mean difference (of 255) between the thumbnails of two frames, below which the second shows nothing new.
_NOTHING_NEW = 12.0
#: Frames decoded of a video with a single key frame: minutes of film.
_MOST_DECODED = 10_000
_BROKEN = (
    "This file cannot be read as a video: it is damaged, of a kind that is not supported, or of more than "
    f"{MAX_PIXELS // 1_000_000} million pixels per frame."
)


class Frame(NamedTuple):
    """One that is worth a look."""

    #: Seconds from the first frame to this one.
    at: float
    image: Image.Image


def raw_frames(path: str) -> Iterator[tuple[float, *Raw]]:
    """``read_frames`` as plain values."""
    for frame in read_frames(Path(path)):
        yield frame.at, *raw(frame.image)


def read_frames(path: Path) -> list[Frame]:
    """At most 32 upright RGB frames in their order. Raises ``PermanentError`` when there is none to see."""
    try:
        found = _distinct(_looked_at(path))
    except MemoryError:
        raise
    except av.FFmpegError as error:  # pixels that nothing converts
        raise PermanentError(_BROKEN) from error
    if not found:
        raise PermanentError(_BROKEN)
    return spread(found, _MOST_FRAMES)


def frames_at(path: Path, seconds: Iterable[float]) -> Iterator[Frame]:
    """Those of the frames that ``read_frames`` looks at which are shown at these seconds, upright and in full size."""
    left, first = set(seconds), None
    for frame in _looked_at(path):
        first = frame.time if first is None else first
        at = _seconds(frame, first)
        if at in left:
            left.discard(at)
            yield Frame(at, frame.to_image().rotate(frame.rotation, expand=True))
        if not left:
            return


def _looked_at(path: Path) -> Iterator[av.VideoFrame]:
    has_key_frames = len(list(islice(_decode(path, key_frames=True), 2))) > 1
    return islice(_decode(path, key_frames=has_key_frames), _MOST_DECODED)


def _seconds(frame: av.VideoFrame, first: float | None) -> float:
    return round(max(0.0, (frame.time or 0.0) - (first or 0.0)), 3)


def _decode(path: Path, key_frames: bool) -> Iterator[av.VideoFrame]:
    with recording(path) as container:
        stream = video_track(container)
        stream.codec_context.skip_frame = "NONKEY" if key_frames else "DEFAULT"
        yield from frames(container, stream)


def _distinct(frames: Iterable[av.VideoFrame]) -> list[Frame]:
    """Frames that differ from the distinct one before them; of very many every second, every fourth and so on."""
    kept: list[Frame] = []
    last = first = None
    number, stride = 0, 1
    for frame in frames:
        first = frame.time if first is None else first
        thumbnail = frame.to_ndarray(width=64, height=36, format="rgb24").astype(np.float32)
        if last is not None and np.abs(thumbnail - last).mean() < _NOTHING_NEW:
            continue
        last = thumbnail
        if number % stride == 0:
            shown = shrink(frame.to_image()).rotate(frame.rotation, expand=True)
            kept.append(Frame(_seconds(frame, first), shown))
        number += 1
        if len(kept) == 4 * _MOST_FRAMES:
            kept, stride = kept[::2], 2 * stride
    return kept
