"""What the daemon has noted of why tasks did not start, read for single moments; `include/wait_logs.lua` writes it."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from broker.engine.values import number

#: Microseconds without a look after which nobody knows what was.
BLIND_US = 2_000_000


#: Microseconds by reason.
Sums = dict[str, int]


class Entry(NamedTuple):
    """From ``at`` on it was that; ``sums``, in microseconds by reason, is what was before."""

    at: int
    reason: str
    sums: Sums
    base: Sums


class Point(NamedTuple):
    """A log of a type, '' or that of a tenant or ``tenant:group``, at a microsecond."""

    type: str
    subject: str
    us: int


class Logs:
    """The entries in force at some moments: the first, third and fourth part of what bills.lua answers."""

    def __init__(self, looks: Sequence[str], logs: Sequence[Any], entries: Sequence[Sequence[str]]) -> None:
        found = [None, *map(_entry, entries)]
        self._sampled = {name: number(us) for name, us in zip(looks[::2], looks[1::2], strict=True)}
        self._first: dict[tuple[str, str], Entry | None] = {}
        self._at: dict[Point, Entry | None] = {}
        for type_name, subject, first, points in logs:
            self._first[type_name, subject] = found[first]
            for us, entry in zip(points[::2], points[1::2], strict=True):
                self._at[Point(type_name, subject, us)] = found[entry]

    def of_type(self, type_name: str, us: int) -> Sums:
        """How long each reason has kept the type until then, from some moment on: only differences say anything."""
        first, entry = self._first.get((type_name, "")), self._at.get(Point(type_name, "", us))
        if first is None:
            return {"unknown": us}
        if entry is None:
            return add(first.sums, {"unknown": us - first.at})
        known = max(entry.at, self._known(type_name, us))
        return add(entry.sums, {entry.reason: known - entry.at}, {"unknown": us - known})

    def of_subject(self, above: Sums, type_name: str, subject: str, us: int) -> Sums:
        """The same of a tenant or a group, whose reasons take the place of those ``above`` it."""
        first, entry = self._first.get((type_name, subject)), self._at.get(Point(type_name, subject, us))
        if first is None:
            return above
        if entry is None:
            return add(above, first.sums)
        if not entry.reason:
            return add(above, entry.sums)
        known = max(entry.at, self._known(type_name, us))
        unknown = {"unknown": us - known}
        return add(entry.sums, {entry.reason: known - entry.at}, unknown, entry.base)

    def _known(self, type_name: str, us: int) -> int:
        """Until when it is known what was."""
        looked = self._sampled.get(type_name, 0)
        return us if us - looked <= BLIND_US else looked


def add(first: Sums, *more: Sums) -> Sums:
    """Together; zeros and what is below are kept."""
    total = first.copy()
    for sums in more:
        for reason, us in sums.items():
            total[reason] = total.get(reason, 0) + us
    return total


def _entry(row: Sequence[str]) -> Entry:
    entry_id, reason, sums, base = row
    milliseconds, _, rest = entry_id.partition("-")
    return Entry(int(milliseconds) * 1000 + int(rest), reason, _sums(sums), _sums(base))


def _sums(text: str) -> Sums:
    return {reason: int(us) for reason, _, us in (each.partition("=") for each in text.split())}
