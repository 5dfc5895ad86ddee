"""Decides whether a source's own pictures become the largest rendition as they are, which costs no work and no quality.

The smaller ones are encoded all the same, with key frames where the source has them, so that players can switch.
"""

from dataclasses import replace
from fractions import Fraction
from math import ceil
from pathlib import Path
from typing import Any

from broker.context import TaskContext
from broker.environment.video_profiles import Profile
from handlers.media.bounds import RECORDING
from handlers.media.decoding import decode_one
from handlers.transcoding.grid import grid
from handlers.transcoding.ladder import Rung
from handlers.transcoding.plan import Plan
from handlers.transcoding.ranges import SEEKABLE
from handlers.transcoding.source import Source

_LOOK = "handlers.transcoding.packets:look"
#: A look takes no more seconds, plus what reading the file takes at so many bytes a second.
_LONGEST, _SLOWEST = 900.0, 2_000_000
#: A source takes the place of a rung whose short side is smaller than its own by no more than this part.
_NEAR = Fraction(6, 5)
#: How many times the bits per second of a rung it may need, on average.
_MOST_BITS = 2
#: Ten times the level (ITU-T H.264, table A-1) that every player takes.
_LEVEL = 42
#: What is remembered of a task whose source could not be packaged though it seemed to fit.
_FAILED = "not packaged"


class _Unfit(Exception):
    """Why it is encoded: the rest of a sentence that begins with "it"."""


def package(
    context: TaskContext, path: Path, demuxer: str, source: Source, plan: Plan, profile: Profile
) -> tuple[Plan, str | None]:
    """The plan by which the source's pictures are packaged as they are, or why that of encoding them stays.

    ``profile`` is that of the plan.
    """
    try:
        if context.recall(_FAILED):
            raise _Unfit("could not be taken apart at its key frames")
        _check(source, plan, demuxer, profile)
        seconds = min(context.seconds_left(), _LONGEST + path.stat().st_size / _SLOWEST)
        arguments = str(path), demuxer, source.video_track, str(plan.rate)
        found = decode_one(_LOOK, *arguments, limits=RECORDING, seconds=seconds)
        if "unfit" in found:
            raise _Unfit(found["unfit"])
        return _packaged(source, plan, found), None
    except _Unfit as error:
        return plan, f"The video is encoded and not packaged as it was sent, because it {error}."


def give_up(context: TaskContext) -> None:
    """The next run of the task encodes everything."""
    context.remember(_FAILED, True)


def _check(source: Source, plan: Plan, demuxer: str, profile: Profile) -> None:
    """What can be told before each packet is looked at."""
    short, colours, largest = min(source.width, source.height), source.colours, max(profile.ladder)
    wrong = {
        f"would be H.264 beside renditions of {profile.codec}": profile.codec != "h264",
        "is no MP4 or Matroska": demuxer not in SEEKABLE,
        f"is larger than {largest}p": short > largest * _NEAR,
        "has sides of an odd number of pixels": source.width % 2 or source.height % 2,
        "is interlaced": source.interlaced,
        "has transparency": source.alpha,
        "changes its size or colours on the way": not source.uniform,
        "has colours beyond those of BT.709": colours.hdr or colours.foreign,
        "does not begin with its first picture": source.phase or round(source.video_start * plan.rate),
    }
    for reason, applies in wrong.items():
        if applies:
            raise _Unfit(reason)


def _packaged(source: Source, plan: Plan, found: dict[str, Any]) -> Plan:
    count, keys = found["count"], found["keys"]
    if (found["width"], found["height"]) != (source.width, source.height):
        raise _Unfit("is shown in another size than it is stored in")
    if count != plan.frames:
        told = float((plan.frames - count) / plan.rate)
        raise _Unfit(f"has sound for {told:.1f} s after its last picture" if told > 0 else "has pictures too many")
    if found["level"] > _LEVEL:
        raise _Unfit(f"is of level {found['level'] / 10:.1f} of H.264, which not every player takes")
    short = min(source.width, source.height)
    smaller = [rung for rung in plan.rungs if min(rung.width, rung.height) * _NEAR < short]
    largest = plan.rungs[-1]
    most = _MOST_BITS * largest.max_rate * Fraction(source.width * source.height, largest.width * largest.height)
    average = 8 * sum(found["sizes"]) * plan.rate / count
    if average > most:
        raise _Unfit(f"has {float(average) / 1e6:.1f} Mbit/s, more than {float(most) / 1e6:.1f}")
    made = grid(keys, count, plan.segment_frames, found["delay"])
    rung = Rung(f"{short}p", source.width, source.height, ceil(average))
    return replace(plan, rungs=[*smaller, rung], copied=rung, grid=made)
