"""Lowest and highest samples of a recording, part by part, measured in the decoder."""

import io
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.container import InputContainer
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from broker.errors import PermanentError
from handlers.media.opening import recording
from handlers.media.tracks import audio_track, frames

Samples = NDArray[np.int16]
_SAMPLE = "s16"
#: Pairs that are kept at most, 16 MB: more than 100 for each of the most points that may be asked for.
_MOST_PARTS = 4_000_000
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


def listen(path: str, points: int) -> Iterator[dict[str, Any]]:
    """How far it is, ``{"percent"}``, and at the end also what the plugin answers and its files, by their names."""
    with recording(Path(path)) as container:
        fine = _Fine()
        yield from _heard(container, fine)
        peaks = fine.peaks(audio_track(container).rate, points)
    yield {
        "percent": 100.0,
        "duration_seconds": round(peaks.seconds, 3),
        "peak": peaks.highest,
        "points": len(peaks.lows),
        "waveform.json": json.dumps(audiowaveform(peaks), separators=(",", ":")).encode(),
        "waveform.png": drawing(peaks),
    }


def _heard(container: InputContainer, fine: "_Fine") -> Iterator[dict[str, Any]]:
    """Collects the samples of the audio track, mixed to one channel; tells each percent of the way."""
    stream = audio_track(container)
    length = (container.duration or 0) / av.time_base
    told, mixer, shape = 0.0, av.AudioResampler(_SAMPLE, "mono", stream.rate), None
    for frame in frames(container, stream):
        if shape not in (None, _shape(frame)):  # broadcasts change from stereo to surround midway
            fine.add(mixer.resample(None))
            mixer = av.AudioResampler(_SAMPLE, "mono", stream.rate)
        shape = _shape(frame)
        fine.add(mixer.resample(frame))
        percent = min(100.0, 100 * frame.time / length) if length and frame.time is not None else 0.0
        if percent >= told + 1:
            told = percent
            yield {"percent": percent}
    fine.add(mixer.resample(None))


def _shape(frame: av.AudioFrame) -> tuple[str, str, int]:
    return frame.format.name, frame.layout.name, frame.sample_rate


class _Fine:
    """The lows and highs of parts that are as short as the memory allows: single samples, then pairs, fours, ..."""

    def __init__(self) -> None:
        self._lows: list[Samples] = []
        self._highs: list[Samples] = []
        self._parts = 0
        self._size = 1
        self._rest: Samples = np.empty(0, np.int16)
        self._samples = 0

    def add(self, mixed: list[av.AudioFrame]) -> None:
        arrays: list[Any] = [frame.to_ndarray().reshape(-1) for frame in mixed]
        joined = np.concatenate([self._rest, *arrays])
        self._samples += len(joined) - len(self._rest)
        whole = len(joined) // self._size * self._size
        self._keep(joined[:whole].reshape(-1, self._size))
        self._rest = joined[whole:]
        while self._parts > _MOST_PARTS:
            self._halve()

    def _keep(self, parts: Samples) -> None:
        if parts.size:
            self._lows.append(parts.min(axis=1))
            self._highs.append(parts.max(axis=1))
            self._parts += len(parts)

    def _halve(self) -> None:
        """Joins parts by twos; a last odd one goes back to the samples that wait, of which its extremes are enough."""
        lows, highs = np.concatenate(self._lows), np.concatenate(self._highs)
        even = len(lows) // 2 * 2
        self._lows = [lows[:even].reshape(-1, 2).min(axis=1)]
        self._highs = [highs[:even].reshape(-1, 2).max(axis=1)]
        if even < len(lows):
            waits = np.resize(np.array([lows[-1], highs[-1]], np.int16), self._size)
            self._rest = np.concatenate([waits, self._rest])
        self._parts, self._size = even // 2, 2 * self._size

    def peaks(self, rate: int, points: int) -> Peaks:
        """At most ``points`` parts of equal length; exactly so many from ``points`` squared samples on."""
        self._keep(self._rest.reshape(1, -1))
        if not self._lows:
            raise PermanentError("This file has no sound that can be decoded.")
        lows, highs = np.concatenate(self._lows), np.concatenate(self._highs)
        part = -(-self._samples // points)
        starts = np.arange(0, self._samples, part) // self._size
        low, high = np.minimum.reduceat(lows, starts), np.maximum.reduceat(highs, starts)
        return Peaks(rate, self._samples, part, low, high)


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
