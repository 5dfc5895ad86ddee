"""How fast each class of tasks (a level of a type) begins while nothing changes: the claim rule as a flow.

Levels strictly in order. Within a level all types begin equally many tasks per second, until one comes to its tokens,
its concurrency, what its tenants may have, or the workers that listen to it.
"""

from collections.abc import Iterable, Mapping, Sequence
from itertools import combinations
from math import inf
from typing import NamedTuple

#: A class: index of its type, level.
Class = tuple[int, int]
#: Types beyond which only single types, pairs and all together are compared with their workers.
_MANY = 6


class Crew(NamedTuple):
    """Types that can only run on these groups of workers, and so cannot use more than their slots."""

    types: tuple[int, ...]
    groups: tuple[int, ...]


def crews(heard_by: Sequence[frozenset[int]]) -> list[Crew]:
    """For each set of types the groups that hear any of them (Hall's condition); ``heard_by`` by type."""
    heard = [i for i, groups in enumerate(heard_by) if groups]
    sizes: Iterable[int] = range(1, len(heard) + 1)
    if len(heard) > _MANY:
        sizes = (1, 2, len(heard))
    largest: dict[frozenset[int], set[int]] = {}
    for size in sizes:
        for types in combinations(heard, size):
            groups = frozenset().union(*(heard_by[i] for i in types))
            largest.setdefault(groups, set()).update(types)
    return [Crew(tuple(sorted(types)), tuple(sorted(groups))) for groups, types in largest.items()]


class Limits(NamedTuple):
    """What bounds the flow, by type; lists are used up by `start_rates`."""

    means: list[float]
    #: Starts per second that tokens allow, infinity where some are in stock.
    tokens: list[float]
    #: Starts per second that the concurrency allows.
    concurrency: list[float]
    #: Slots of each crew.
    crews: list[tuple[Crew, float]]


def start_rates(demands: Mapping[Class, float], limits: Limits) -> tuple[dict[Class, float], set[int]]:
    """Starts per second of each class, and the types that only lack workers.

    ``demands``: at most so many per second, infinity where tasks wait that no tenant's cap holds back.
    """
    rates: dict[Class, float] = {}
    short: set[int] = set()
    load = [0.0] * len(limits.means)
    for level in sorted({level for _, level in demands}, reverse=True):
        tied = {i: demand for (i, each), demand in demands.items() if each == level}
        got = _fill(tied, limits, load, short)
        for i, rate in got.items():
            rates[i, level] = rate
            load[i] += rate * limits.means[i]
            limits.tokens[i] -= rate
            limits.concurrency[i] -= rate
    return rates, short


def _fill(tied: dict[int, float], limits: Limits, load: list[float], short: set[int]) -> dict[int, float]:
    """One level: raises all rates alike, and lets a type go when it has come to a bound."""
    rate, growing = dict.fromkeys(tied, 0.0), set(tied)
    while growing:
        own = [_Bound(min(tied[i], limits.tokens[i], limits.concurrency[i]) - rate[i], (i,)) for i in growing]
        shared = _by_workers(growing, rate, limits, load)
        step = max(0.0, min(each.room for each in (*own, *shared)))
        if step == inf:
            break
        for i in growing:
            rate[i] += step
        full = {i for each in shared if each.room <= step + 1e-12 for i in each.types}
        short.update(full)
        growing.difference_update(full, *(each.types for each in own if each.room <= step + 1e-12))
    return rate


class _Bound(NamedTuple):
    """So much faster may these types begin, each of them."""

    room: float
    types: tuple[int, ...]


def _by_workers(growing: set[int], rate: dict[int, float], limits: Limits, load: list[float]) -> list[_Bound]:
    means, found = limits.means, []
    for crew, slots in limits.crews:
        if moving := tuple(i for i in crew.types if i in growing):
            used = sum(load[i] + rate.get(i, 0.0) * means[i] for i in crew.types)
            found.append(_Bound((slots - used) / sum(means[i] for i in moving), moving))
    return found
