"""Cuts a range of time out of samples, and none of them is made anew.

What begins the range is seldom one that can be decoded alone. So the samples before it come along, from the last on
with which decoding can begin, and an edit list hides them (ISO/IEC 14496-12, 8.6.6).
"""

from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import accumulate

from gateway.plain_mp4.fragments import Samples
from gateway.plain_mp4.movie import Edit

#: Times are told in milliseconds: a picture begins at one that is less than half of it off.
_ROUNDING = Fraction(1, 2000)
#: Samples of sound that are decoded before the first that is heard, as a transform overlaps two of them.
_LEAD = 1


@dataclass(frozen=True, slots=True)
class Cut:
    """Samples of a track, which lie where they did, and what is shown of them.

    ``sizes`` are the bytes of each run of samples; ``shown`` is when it begins and ends, in seconds.
    """

    samples: Samples
    edit: Edit
    sizes: Sequence[int]
    shown: tuple[Fraction, Fraction]


def pictures(samples: Samples, timescale: int, start: Fraction, end: Fraction) -> Cut | None:
    """The pictures that begin from ``start`` on and before ``end`` (seconds); ``None`` when none does."""
    decoded = _decode_times(samples)
    shown = [time + offset for time, offset in zip(decoded, samples.offsets, strict=True)]
    low, high = (start - _ROUNDING) * timescale, (end - _ROUNDING) * timescale
    wanted = [number for number, time in enumerate(shown) if low <= time < high]
    if not wanted:
        return None
    first = max((number - 1 for number in samples.sync if number - 1 <= wanted[0]), default=0)
    last = max(wanted, key=shown.__getitem__)
    begins = min(shown[number] for number in wanted)
    ends = min((time for time in shown if time > shown[last]), default=shown[last] + samples.durations[last])
    return _cut(samples, decoded, (first, wanted[-1] + 1), (begins, ends), timescale)


def sound(samples: Samples, timescale: int, start: Fraction, end: Fraction) -> Cut | None:
    """The sound from ``start`` to ``end``, to the tick; ``None`` when there is none."""
    decoded = _decode_times(samples)
    low, high = round(start * timescale), round(end * timescale)
    wanted = [
        number
        for number, (time, length) in enumerate(zip(decoded, samples.durations, strict=True))
        if time < high and time + length > low
    ]
    if not wanted:
        return None
    heard = max(low, decoded[wanted[0]]), min(high, decoded[wanted[-1]] + samples.durations[wanted[-1]])
    return _cut(samples, decoded, (max(0, wanted[0] - _LEAD), wanted[-1] + 1), heard, timescale)


def laid_out(cuts: Sequence[Cut]) -> tuple[list[Samples], list[tuple[int, int]]]:
    """All of them one behind the other, in the order in which they lay: where each lies now, and what is taken.

    That is where each run lay, and how many bytes it has.
    """
    runs = sorted(
        (start, size, track, number)
        for track, cut in enumerate(cuts)
        for number, (start, size) in enumerate(zip(cut.samples.starts, cut.sizes, strict=True))
    )
    places, at = [array("Q", cut.samples.starts) for cut in cuts], 0
    for _, size, track, number in runs:
        places[track][number] = at
        at += size
    return [_moved(cut.samples, place) for cut, place in zip(cuts, places, strict=True)], [run[:2] for run in runs]


def _decode_times(samples: Samples) -> list[int]:
    return list(accumulate(samples.durations, initial=samples.begins or 0))[:-1]


def _cut(
    samples: Samples, decoded: Sequence[int], kept: tuple[int, int], shown: tuple[int, int], timescale: int
) -> Cut:
    first, end = kept
    runs = list(_runs(samples, first, end))
    made = Samples(
        begins=decoded[first],
        ends=decoded[end - 1] + samples.durations[end - 1],
        sizes=samples.sizes[first:end],
        durations=samples.durations[first:end],
        offsets=samples.offsets[first:end],
        sync=array("I", (number - first for number in samples.sync if first < number <= end)),
        starts=array("Q", (start for start, _, _ in runs)),
        counts=array("I", (count for _, _, count in runs)),
    )
    edit = Edit(shown[0] - decoded[first], shown[1] - shown[0])
    begins, ends = (Fraction(time, timescale) for time in shown)
    return Cut(made, edit, [size for _, size, _ in runs], (begins, ends))


def _runs(samples: Samples, first: int, end: int) -> Iterator[tuple[int, int, int]]:
    """Where what is left of each run begins, its bytes and how many samples it has."""
    number = 0
    for start, count in zip(samples.starts, samples.counts, strict=True):
        low, high = max(first, number), min(end, number + count)
        if low < high:
            yield start + sum(samples.sizes[number:low]), sum(samples.sizes[low:high]), high - low
        number += count


def _moved(samples: Samples, starts: "array[int]") -> Samples:
    return Samples(
        samples.begins,
        samples.ends,
        samples.sizes,
        samples.durations,
        samples.offsets,
        samples.sync,
        starts,
        samples.counts,
    )
