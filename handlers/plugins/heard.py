"""The sound of a recording as Whisper hears it, in stretches of minutes cut where it is quiet, in the decoder."""

from collections.abc import Iterator
from itertools import chain
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from broker.errors import PermanentError
from handlers.media.opening import recording
from handlers.media.tracks import audio_track, frames

#: Samples a second: what Whisper was trained on.
RATE = 16_000
#: Seconds of a stretch at most, and those at its end in which a quiet moment is looked for.
_STRETCH, _SOUGHT = 300, 15
#: Windows of a second whose loudness is compared.
_WINDOWS = 20
#: Hours of one recording; to hear them takes half an hour of a core.
_MOST_HOURS = 4
_TOO_LONG = f"This recording is longer than {_MOST_HOURS} hours."

Samples = NDArray[np.int16]


def listen(path: str, start: float) -> Iterator[tuple[float, float, bytes]]:
    """(second at which it begins, seconds of the recording or 0, samples of 16 bits) of each stretch from ``start`` on.

    Raises ``PermanentError`` for what has no sound, or too much.
    """
    with recording(Path(path)) as container:
        length = (container.duration or 0) / av.time_base
        if length > 3600 * _MOST_HOURS:
            raise PermanentError(_TOO_LONG)
        track = audio_track(container)
        begin, heard = 0, 0
        for stretch in _stretches(_mixed(container, track)):
            begin, heard = heard, heard + len(stretch)
            if heard > 3600 * _MOST_HOURS * RATE:
                raise PermanentError(_TOO_LONG)
            if begin >= round(start * RATE):
                yield begin / RATE, length, stretch.tobytes()
    if not heard:
        raise PermanentError("This file has no sound that can be decoded.")


def _mixed(container: av.container.InputContainer, track: av.AudioStream) -> Iterator[Samples]:
    """One channel, of any number of samples at once."""
    mixer, shape = None, None
    for frame in frames(container, track):
        found = (frame.format.name, frame.layout.name, frame.sample_rate)
        if mixer is None or found != shape:  # broadcasts change from stereo to surround midway
            yield from _arrays(mixer.resample(None) if mixer else [])
            mixer, shape = av.AudioResampler("s16", "mono", RATE), found
        yield from _arrays(mixer.resample(frame))
    if mixer:
        yield from _arrays(mixer.resample(None))


def _arrays(mixed: list[av.AudioFrame]) -> Iterator[Samples]:
    return (frame.to_ndarray().reshape(-1).astype(np.int16, copy=False) for frame in mixed)


def _stretches(arrays: Iterator[Samples]) -> Iterator[Samples]:
    waiting: list[Samples] = []
    size, most = 0, _STRETCH * RATE
    for array in chain(arrays, [None]):
        if array is not None:
            waiting.append(array)
            size += len(array)
        while size >= most or (array is None and size):
            joined = np.concatenate(waiting)
            at = _quietest(joined[:most]) if size >= most else size
            yield joined[:at]
            waiting, size = [joined[at:]], size - at


def _quietest(samples: Samples) -> int:
    """Where to cut a full stretch."""
    width = RATE // _WINDOWS
    sought = samples[-_SOUGHT * RATE :].reshape(-1, width).astype(np.float32)
    quietest = int((sought**2).mean(axis=1).argmin())
    return len(samples) - len(sought) * width + quietest * width + width // 2
