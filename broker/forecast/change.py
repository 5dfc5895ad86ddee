"""What if: a snapshot as it would be under other limits, with other workers, weights, or one more task."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from broker.forecast.bucket import TOKEN
from broker.forecast.replica import Place
from broker.forecast.snapshot import Caps, Line, Lines, Snapshot, TypeState, WorkerGroup


@dataclass(frozen=True, slots=True)
class Change:
    """What is different. What is not named stays."""

    #: Type -> members of its state or caps: ``rate`` in starts per 1,000 seconds, ``burst``, ``concurrency``, ...
    limits: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    #: Types that workers listen to -> worker processes.
    workers: Mapping[frozenset[str], int] = field(default_factory=dict)
    weights: Mapping[str, float] = field(default_factory=dict)

    def of(self, snapshot: Snapshot) -> Snapshot:
        """The snapshot with it."""
        return replace(
            snapshot,
            types={name: _limited(state, self.limits.get(name, {})) for name, state in snapshot.types.items()},
            workers=_workers(snapshot.workers, self.workers),
            weights={**snapshot.weights, **self.weights},
        )


def _limited(state: TypeState, limits: Mapping[str, Any]) -> TypeState:
    of_tenants = {name: value for name, value in limits.items() if name in Caps.__dataclass_fields__}
    own = {name: value for name, value in limits.items() if name not in of_tenants}
    changed = replace(state, caps=replace(state.caps, **of_tenants), **own)
    # As configure.lua has it: a type that had no rate starts its bucket empty, and no level is above the burst.
    bucket = min(state.bucket if state.rate else 0, changed.burst * TOKEN) if changed.rate else 0
    return replace(changed, bucket=bucket)


def _workers(groups: tuple[WorkerGroup, ...], slots: Mapping[frozenset[str], int]) -> tuple[WorkerGroup, ...]:
    """Groups keep their places, which runs refer to; new ones come behind. Who has too many runs ends those first."""
    kept = tuple(replace(each, slots=slots.get(each.types, each.slots)) for each in groups)
    known = {each.types for each in groups}
    return kept + tuple(WorkerGroup(types, count) for types, count in slots.items() if types not in known and count)


class LineName(NamedTuple):
    """Where tasks stand one behind the other."""

    type: str
    level: int
    tenant: str = ""
    group: str = ""


def with_tasks(snapshot: Snapshot, new: Mapping[LineName, int]) -> tuple[Snapshot, dict[LineName, Place]]:
    """The snapshot with so many more tasks at the ends of lines, and the place of the first of them in each."""
    types, places = dict(snapshot.types), {}
    for name, level in {(each.type, each.level) for each in new}:
        lines = types[name].levels.get(level, Lines(()))
        longer = {(line.tenant, line.group): line for of_tenant in lines.of.values() for line in of_tenant}
        for line, tasks in new.items():
            if (line.type, line.level) == (name, level):
                own = longer.get(line[2:]) or _new_line(lines, *line[2:])
                places[line] = Place(name, level, own.waiting + 1, *line[2:])
                longer[line[2:]] = replace(own, waiting=own.waiting + tasks)
        types[name] = replace(types[name], levels={**types[name].levels, level: Lines(longer.values())})
    return replace(snapshot, types=types), places


def _new_line(lines: Lines, tenant: str, group: str) -> Line:
    """Of a tenant or a group that had nothing waiting: it begins where the first of the others stands."""
    tag = lines.of[tenant][0].tag if tenant in lines.of else lines.order[0][0] if lines.order else 0.0
    begin = min((line.group_tag for line in lines.of.get(tenant, ())), default=0.0)
    shares = bool(group) or any(line.shares for line in lines.of.get(tenant, ()))
    return Line(0, tenant, group, tag, begin, shares=shares)
