"""Brings sound to one loudness (EBU R 128): its loudness is measured first, then one gain goes over all of it.

So quiet passages stay quiet. Peaks that the gain would raise too far are limited; that takes some loudness away, which
is measured too, and made up for.
"""

from collections.abc import Callable
from fractions import Fraction
from functools import partial
from pathlib import Path

from broker.context import TaskContext
from handlers.media.program import log_tail
from handlers.transcoding import ffmpeg, sound
from handlers.transcoding.loudness import Loudness, read
from handlers.transcoding.plan import Plan

#: LUFS below which sound is left as it is: what would be raised is noise.
_QUIETEST = -50.0
#: True peaks in dBTP: AAC overshoots what it is given.
_HIGHEST = -1.5
#: What limiting costs is made up for by so many dB at most, in so many rounds, to within so many LU; a gain that is
#: limited to less than this part of it does not take the next one beyond all bounds.
_MAKE_UP, _ROUNDS, _CLOSE, _FLATTEST = 15.0, 4, 0.3, 0.2
_LOG_BYTES = 65536
#: Seconds that one second of a track may take.
_ALLOWED, _GRACE = 10, 900.0


#: What is told of it.
SILENT = "is left as loud as it is: it is all but silent."


def levels(context: TaskContext, path: Path, demuxer: str, track: int, planned: Plan, length: Fraction) -> str | None:
    """ffmpeg's filters that bring a track to the loudness that is planned; empty for silence.

    ``track`` is the stream's index, of which ``length`` seconds are made. ``None`` where no loudness is planned. Raises
    ``PermanentError`` for a track that cannot be decoded.
    """
    if planned.loudness is None:
        return None
    return _level(partial(_measure, context, path, demuxer, track, length=length), planned.loudness)


def _level(measure: Callable[[str], Loudness | None], target: float) -> str:
    found = measure("")
    if found is None or found.integrated_lufs < _QUIETEST:
        return ""
    gain = target - found.integrated_lufs
    if found.true_peak_dbtp is None or found.true_peak_dbtp + gain <= _HIGHEST:
        return _plain(gain)
    return _limited(_made_up(measure, gain, target))


def _made_up(measure: Callable[[str], Loudness | None], gain: float, target: float) -> float:
    """The gain that, limited, comes to the target: found by the slope between the last two that were tried."""
    most, slope, before = gain + _MAKE_UP, 1.0, None
    for _ in range(_ROUNDS):
        found = measure(_limited(gain))
        if found is None or abs(missing := target - found.integrated_lufs) < _CLOSE:
            break
        if before:
            slope = max(_FLATTEST, (found.integrated_lufs - before[1]) / (gain - before[0]))
        before, gain = (gain, found.integrated_lufs), min(most, gain + missing / slope)
        if gain == before[0]:
            break
    return gain


def _measure(
    context: TaskContext, path: Path, demuxer: str, track: int, filters: str, *, length: Fraction
) -> Loudness | None:
    argv = sound.measuring(ffmpeg.binary(), path, demuxer, track, length, filters)
    ffmpeg.encode(context, argv, "out_time_us", lambda done: None, _GRACE + _ALLOWED * float(length))
    return read(log_tail(context.scratch, _LOG_BYTES))


def _plain(gain: float) -> str:
    return f"volume={gain:.2f}dB"


def _limited(gain: float) -> str:
    """Peaks between samples show at four times their rate (ITU-R BS.1770)."""
    limit = 10 ** (_HIGHEST / 20)
    limiter = f"alimiter=limit={limit:.4f}:attack=5:release=50:level=0:latency=1"
    return f"{_plain(gain)},aresample=192000,{limiter},aresample=48000"
