"""Lowest and highest samples of a recording, part by part."""

import io
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from broker.errors import PermanentError
from handlers.plugins.opening import recording

Samples = NDArray[np.int16]
#: Samples that are taken together at once: of a day of sound 16 million pairs are left, 64 MB.
_FINE = 256
_FULL = 32_768
_HEIGHT, _COLOUR = 160, (45, 90, 160)


@dataclass(frozen=True)
class Peaks:
    """Samples of 16 bits. Each part has ``part`` samples of one channel, the last one perhaps fewer."""

    rate: int
    samples: int
    part: int
    lows: Samples
    highs: Samples

    @property
    def seconds(self) -> float:
        return self.samples / self.rate

    @property
    def highest(self) -> float:
        """The largest amplitude, 0..1."""
        return round(max(int(self.highs.max()), -int(self.lows.min())) / _FULL, 4)


def measure(path: Path, points: int, progress: Callable[[float], None]) -> Peaks:
    """At most ``points`` parts of the first audio track. Raises ``PermanentError`` when there is no sound."""
    with recording(path) as container:
        if not container.streams.audio:
            raise PermanentError("This file has no sound.")
        stream = container.streams.audio[0]
        length = (container.duration or 0) / av.time_base
        fine = _Fine()
        mixer = av.AudioResampler(format="s16", layout="mono", rate=stream.rate)
        for frame in container.decode(stream):
            fine.add(mixer.resample(frame))
            if length and frame.time is not None:
                progress(min(100.0, 100 * frame.time / length))
        fine.add(mixer.resample(None))
        return fine.peaks(stream.rate, points)


class _Fine:
    """Collects parts of 256 samples."""

    def __init__(self) -> None:
        self._lows: list[Samples] = []
        self._highs: list[Samples] = []
        self._rest: Samples = np.empty(0, np.int16)
        self._samples = 0

    def add(self, frames: list[av.AudioFrame]) -> None:
        mixed: list[Any] = [frame.to_ndarray().reshape(-1) for frame in frames]
        joined = np.concatenate([self._rest, *mixed])
        self._samples += len(joined) - len(self._rest)
        whole = len(joined) // _FINE * _FINE
        self._keep(joined[:whole].reshape(-1, _FINE))
        self._rest = joined[whole:]

    def _keep(self, parts: Samples) -> None:
        if parts.size:
            self._lows.append(parts.min(axis=1))
            self._highs.append(parts.max(axis=1))

    def peaks(self, rate: int, points: int) -> Peaks:
        self._keep(self._rest.reshape(1, -1))
        if not self._lows:
            raise PermanentError("This file has no sound that can be decoded.")
        lows, highs = np.concatenate(self._lows), np.concatenate(self._highs)
        together = -(-len(lows) // points)
        starts = np.arange(0, len(lows), together)
        low, high = np.minimum.reduceat(lows, starts), np.maximum.reduceat(highs, starts)
        return Peaks(rate, self._samples, together * _FINE, low, high)


def audiowaveform(peaks: Peaks) -> dict[str, Any]:
    """The data format of audiowaveform: lows and highs by turns, as 8-bit numbers."""
    pairs = np.stack([peaks.lows, peaks.highs], axis=1).reshape(-1) >> 8
    return {
        "version": 2,
        "channels": 1,
        "sample_rate": peaks.rate,
        "samples_per_pixel": peaks.part,
        "bits": 8,
        "length": len(peaks.lows),
        "data": pairs.tolist(),
    }


def drawing(peaks: Peaks) -> bytes:
    """A PNG on a transparent ground, one column for each part."""
    image = Image.new("RGBA", (len(peaks.lows), _HEIGHT), (0, 0, 0, 0))
    draw = ImageDraw.Draw(image)
    middle = (_HEIGHT - 1) / 2
    for x, (low, high) in enumerate(zip(peaks.lows.tolist(), peaks.highs.tolist(), strict=True)):
        draw.line([(x, middle - high / _FULL * middle), (x, middle - low / _FULL * middle)], fill=_COLOUR)
    out = io.BytesIO()
    image.save(out, "PNG", optimize=True)
    return out.getvalue()
