"""Measures how loud a rendition of sound is (EBU R 128, ITU-R BS.1770), as viewers hear it."""

import re
from pathlib import Path
from typing import NamedTuple

import ffmpeg as graph

from broker.context import TaskContext
from handlers.media.program import log_tail
from handlers.transcoding import ffmpeg
from handlers.transcoding.graph import GLOBAL
from handlers.transcoding.hls_output import INIT
from handlers.transcoding.playlists import Track

_FILE = "loudness.mp4"
_LOG_BYTES = 65536
#: Seconds that it may take, and so many more for each second of sound.
_GRACE, _PER_SECOND = 900.0, 1.0
#: What the filter says at its end.
_SAID = {
    "integrated_lufs": re.compile(r"\bI:\s+(-?\d+\.\d+) LUFS"),
    "range_lu": re.compile(r"\bLRA:\s+(-?\d+\.\d+) LU\b"),
    "true_peak_dbtp": re.compile(r"\bPeak:\s+(-?\d+\.\d+) dBFS"),
}


class Loudness(NamedTuple):
    """Integrated loudness in LUFS, loudness range in LU, true peak in dBTP (``None`` for silence)."""

    integrated_lufs: float
    range_lu: float
    true_peak_dbtp: float | None


def measure(context: TaskContext, prefix: str, track: Track) -> Loudness | None:
    """Of a rendition that is stored below ``prefix``; ``None`` when ffmpeg does not say."""
    _gather(context, prefix, track, context.scratch / _FILE)
    sound = graph.input(_FILE, format="mov").audio.filter("ebur128", peak="true", framelog="quiet")
    argv = [ffmpeg.binary(), *GLOBAL, *graph.output(sound, "-", format="null").get_args()]
    allowed = _GRACE + _PER_SECOND * float(track.duration)
    ffmpeg.encode(context, argv, "out_time_us", lambda done: None, allowed)
    (context.scratch / _FILE).unlink()
    return read(log_tail(context.scratch, _LOG_BYTES))


def _gather(context: TaskContext, prefix: str, track: Track, path: Path) -> None:
    with path.open("wb") as file:
        for name in (INIT, *(segment.name for segment in track.segments)):
            with context.storage.open(f"{prefix}{track.name}/{name}") as stored:
                file.write(stored.read())


def read(log: str) -> Loudness | None:
    """What ffmpeg's filter ``ebur128`` has said at its end."""
    found = {name: pattern.findall(log) for name, pattern in _SAID.items()}
    integrated, spread, peak = (float(each[-1]) if each else None for each in found.values())
    return None if integrated is None or spread is None else Loudness(integrated, spread, peak)
