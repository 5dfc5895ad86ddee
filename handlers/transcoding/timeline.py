"""Adds up the packets of one track: how many there are, when the last one ends, how far apart they usually are."""

from array import array
from collections.abc import Iterator, Sequence
from itertools import accumulate, pairwise
from statistics import median

#: A transport stream whose time jumps by more seconds than this begins anew: ffmpeg closes such gaps.
_LARGEST_GAP = 10.0
#: Times that are kept: twelve hours at 60 pictures a second.
_KEPT = 2_600_000
#: What is looked at for the rhythm of a longer track: so many stretches of so many times, all over the file.
_WINDOWS, _WINDOW = 20, 1000
#: What an ordinary distance may be off by: seconds, and a part of itself; and how many must be ordinary.
_ROUNDING, _JITTER, _MOST = 0.0011, 0.02, 0.75
#: For a track whose packets tell no time at all, or one picture whose length is no rate that is shown.
_DEFAULT_RATE, _MAX_RATE = 25.0, 60.0


class Timeline:
    """One track; times are in seconds from the beginning of the file's presentation."""

    def __init__(self, origin: float, broadcast: bool) -> None:
        """``origin`` is what the file calls its beginning; ``broadcast`` formats may restart their clocks midway."""
        self.count = 0
        #: When the latest one so far is shown.
        self.latest = 0.0
        self._latest_duration = 0.0
        self._broadcast = broadcast
        self._shift = -origin
        self._first: float | None = None
        self._decode_times = array("d")
        self._shown = array("d")
        self._last = 0.0
        self._step = 0.0

    def add(self, decode_time: float | None, time: float | None, duration: float) -> None:
        """The next packet in file order; either time may be missing."""
        self.count += 1
        if decode_time is None and time is None:
            decode_time = self._last + self._step - self._shift
        at = (time if decode_time is None else decode_time) or 0.0
        at = self._continue(at + self._shift, duration)
        shown = at if time is None or decode_time is None else at + time - decode_time
        self._first = shown if self._first is None else min(self._first, shown)
        if shown >= self.latest:
            self.latest, self._latest_duration = shown, duration
        if len(self._decode_times) < _KEPT:
            self._decode_times.append(at)
            self._shown.append(shown)
        self._last = at

    def fill(self, decode_times: Sequence[float], times: Sequence[float], durations: Sequence[float]) -> list[float]:
        """As ``add``, for all packets of a track at once, no broadcast, that tell all of their times.

        ``durations`` are those of the last ones. Returns what ``latest`` was after each. Raises ``ValueError`` when the
        latest one shown is not among the last.
        """
        self.count = len(times)
        self._decode_times = array("d", [each + self._shift for each in decode_times])
        both = zip(self._decode_times, times, decode_times, strict=True)
        self._shown = array("d", [at + time - decode for at, time, decode in both])
        reached = list(accumulate(self._shown, max, initial=self.latest))[1:]
        if reached:
            self._first, self.latest = min(self._shown), reached[-1]
            tail = [*zip(reversed(self._shown), reversed(durations), strict=False)]
            last = next((duration for shown, duration in tail if shown >= self.latest), None)
            if last is None:
                raise ValueError("the latest picture is not among the last")
            self._latest_duration = last
        return reached

    def _continue(self, at: float, duration: float) -> float:
        """``at`` on one unbroken clock."""
        if self.count == 1:
            return at
        gap = at - self._last
        if self._broadcast and not 0 <= gap <= _LARGEST_GAP:
            self._shift += (duration or self._step) - gap
            return self._last + (duration or self._step)
        if gap > 0:
            self._step = gap
        return at

    @property
    def start(self) -> float:
        """When the first one is shown."""
        return self._first or 0.0

    @property
    def end(self) -> float:
        """When the last one ends: many containers tell no durations, then it lasts as long as is ordinary."""
        if not self.count:
            return 0.0
        return self.latest + (self._latest_duration or self._ordinary_distance() or 1 / _DEFAULT_RATE)

    @property
    def mean_rate(self) -> float:
        """Packets per second from the first to the end of the last."""
        length = self.end - self.start
        rate = self.count / length if length > 0 else _DEFAULT_RATE
        return rate if self.count > 1 or rate <= _MAX_RATE else _DEFAULT_RATE

    @property
    def typical_rate(self) -> float:
        """The inverse of the ordinary distance between two packets."""
        distance = self._ordinary_distance()
        return 1 / distance if distance else self.mean_rate

    @property
    def steady(self) -> bool:
        """Whether most distances are ordinary: the rest is missing or misplaced packets, not another rhythm."""
        return len(self._ordinary()) >= _MOST * len(self._distances())

    def shown(self) -> list[list[float]]:
        """Stretches of the times at which packets are shown, each in order."""
        return [list(window) for window in _windows(sorted(self._shown))]

    def _ordinary_distance(self) -> float:
        ordinary = self._ordinary()
        return sum(ordinary) / len(ordinary) if ordinary else 0.0

    def _distances(self) -> list[float]:
        return [
            later - earlier
            for window in _windows(self._decode_times)
            for earlier, later in pairwise(window)
            if later > earlier
        ]

    def _ordinary(self) -> list[float]:
        """The distances that are the median but for the rounding of timestamps, often to milliseconds."""
        distances = self._distances()
        middle = median(distances) if distances else 0.0
        return [each for each in distances if abs(each - middle) <= max(_ROUNDING, _JITTER * middle)]


def _windows(times: Sequence[float]) -> Iterator[Sequence[float]]:
    if len(times) <= _WINDOWS * _WINDOW:
        yield times
        return
    for number in range(_WINDOWS):
        start = number * (len(times) - _WINDOW) // (_WINDOWS - 1)
        yield times[start : start + _WINDOW]
