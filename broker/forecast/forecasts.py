"""The forecast of the moment, made when somebody asks and kept for a second, and what it says of tasks."""

import threading
from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple

from redis import Redis

from broker.clock import Clock
from broker.engine.connection import redis_errors
from broker.engine.keys import Keys
from broker.errors import InvalidInput
from broker.forecast.accuracy import Accuracies
from broker.forecast.autoscale import Autoscale, Wanted
from broker.forecast.change import Change, LineName, with_tasks
from broker.forecast.estimate import Estimate, estimate, why_nothing
from broker.forecast.forecast import NO_MEDIA, Forecast, Interval
from broker.forecast.history import History
from broker.forecast.outlook import MOST_REPLAYED, TypeOutlook, outlook, replay
from broker.forecast.reading import SnapshotReader, queues_of
from broker.forecast.replica import Place
from broker.forecast.samples import Measured, measure, media_of
from broker.forecast.snapshot import Snapshot
from broker.forecast.standing import Standing, standings
from broker.forecast.would_help import Help, would_help
from broker.task_type import TaskTypes

#: Seconds that a forecast is shown, and that measured durations and arrivals are.
_FRESH, _MEASURED_FRESH = 1.0, 10.0
#: Places of a line that are asked about, and new tasks that stand at the end of one: as many as a batch may have.
_ASKED, _NEW = 20, 1000


class Current(NamedTuple):
    """A forecast, and the microsecond of the server's clock to which its seconds are added."""

    forecast: Forecast
    at_us: int

    @property
    def snapshot(self) -> Snapshot:
        return self.forecast.snapshot

    def is_outdated(self, paused: Collection[str], running: Collection[str]) -> bool:
        """Whether it was made before one of these types was paused, or one of those went on."""
        types = self.snapshot.types
        return any(name in types and types[name].paused != (name in paused) for name in (*paused, *running))


class OfNew(NamedTuple):
    """A forecast with new tasks at the ends of lines, and the place of the first of them in each."""

    forecast: Forecast
    first: Mapping[LineName, Place]
    at_us: int

    def start(self, line: LineName, behind: int, not_before_us: int) -> Interval | None:
        """When a new task starts that stands behind so many others that are new; ``None`` as of `Forecast`."""
        place = self.first[line]
        not_before = _seconds(self.at_us, not_before_us)
        return self.forecast.start(place._replace(position=place.position + behind), not_before)


class Quote(NamedTuple):
    """Of a task that was not submitted."""

    #: When it would start and end, or why that is not known.
    estimate: Estimate | str
    #: Seconds for which it would keep a worker.
    work: Interval
    #: Of the one recording that it is about, where that is known.
    media_seconds: float | None
    #: From 1, in the line of its tenant, and of its group, at its priority.
    position: int


class Forecasts:
    """On one Redis client with ``decode_responses=True``. Writes nothing. Raises ``Unavailable``."""

    def __init__(self, redis: "Redis", keys: Keys, types: TaskTypes, clock: Clock | None = None) -> None:
        self._redis = redis
        self._keys = keys
        self._types = types
        self._clock = clock or Clock()
        self._reader = SnapshotReader(redis, keys, sorted(types))
        self.history = History(redis, keys)
        self.accuracies = Accuracies(redis, keys)
        self._autoscale = Autoscale()
        self._one_builds = threading.Lock()
        self._made: tuple[float, Current] | None = None
        self._measured: tuple[float, Mapping[str, Measured]] | None = None
        #: By line, with new tasks at its end; all of one moment.
        self._of_new: dict[LineName, OfNew] = {}
        self._of_new_at = 0

    def current(self, paused: Collection[str] = (), running: Collection[str] = (), *, anew: bool = False) -> Current:
        """At most a second old, and younger than the pause, or its end, of types of which the caller knows that.

        ``anew``: made now.
        """
        with self._one_builds:
            now = self._clock.monotonic()
            if (
                anew
                or self._made is None
                or not 0 <= now - self._made[0] < _FRESH
                or self._made[1].is_outdated(paused, running)
            ):
                self._made = now, self._make()
            return self._made[1]

    def _goes_on(self, type_name: str) -> bool:
        """Whether a type is not paused now, whatever it was when the forecast was made."""
        with redis_errors():
            paused, declared = self._redis.hmget(self._keys.limits(type_name), ["paused", "declared"])
            return paused != "1" and declared is not None and not self._redis.exists(self._keys.suspended())

    def _make(self) -> Current:
        with redis_errors():
            reading = self._reader.read(self._measure(), self.history.arrivals(sorted(self._types)))
            widen = self.accuracies.widths(sorted(self._types))
        return Current(Forecast(reading.snapshot, widen=widen), reading.at_us)

    def _measure(self) -> Mapping[str, Measured]:
        now = self._clock.monotonic()
        if self._measured is None or not 0 <= now - self._measured[0] < _MEASURED_FRESH:
            self._measured = (
                now,
                measure(self._redis, self._keys, self._types, queues_of(self._redis, self._keys, sorted(self._types))),
            )
        return self._measured[1]

    def of_tasks(self, task_ids: Sequence[str], paused: Collection[str] = ()) -> list[Estimate | str | None]:
        """For each task when it starts and ends, or why that is not known; ``None`` for one that does not wait.

        ``paused``: types of which that is known already, be it for less than a second.
        """
        with redis_errors():
            found = standings(self._redis, self._keys, task_ids)
        if paused:
            self.current(paused)
        return [self.of(each) if each else None for each in found]

    def of(self, standing: Standing) -> Estimate | str:
        """When a task that stands there starts and ends, or why that is not known."""
        forecast, at_us = self.current()
        if standing.place.type not in forecast.snapshot.types:
            return f"{standing.place.type} is no type of this broker."
        if standing.held:
            return "It is held."
        media, state = NO_MEDIA, forecast.snapshot.types[standing.place.type]
        if state.per_media_second or state.per_byte:
            with redis_errors():
                media = media_of(self._redis, self._keys, standing.tenant, standing.payload)
        found = estimate(forecast, at_us, standing.place, _seconds(at_us, standing.due_us), media)
        if isinstance(found, str) and not why_nothing(forecast, standing.place.type):
            # The snapshot may not have it: it is newer than that, or due later than that looks.
            line = LineName(standing.place.type, standing.place.level, standing.place.tenant, standing.place.group)
            new = self.of_new({line: 1})
            found = estimate(new.forecast, new.at_us, new.first[line], _seconds(new.at_us, standing.due_us), media)
        return found

    def quote(
        self,
        type_name: str,
        level: int,
        tenant: str = "",
        group: str = "",
        payload: Mapping[str, Any] | None = None,
        due_us: int = 0,
    ) -> Quote:
        """When a task would start and end that were submitted now, due at that microsecond, and what it costs."""
        forecast, at_us = self.current()
        if forecast.snapshot.types[type_name].paused and self._goes_on(type_name):
            forecast, at_us = self.current(running=[type_name])
        not_before = _seconds(at_us, due_us)
        with redis_errors():
            media = media_of(self._redis, self._keys, tenant, payload or {})
        snapshot, places = with_tasks(forecast.snapshot, {LineName(type_name, level, tenant, group): 1})
        with_it, (place,) = Forecast.small(snapshot, forecast.widen), places.values()
        found = estimate(with_it, at_us, place, not_before, media)
        return Quote(found, with_it.work(place, media), media.seconds, place.position)

    def seconds_until_started(self, type_name: str, tenant: str, tasks: int) -> float | None:
        """Until so many of the tasks that a tenant has in line in a type have started; ``None`` where nobody knows."""
        forecast = self.current().forecast
        levels = forecast.snapshot.types[type_name].levels
        found = []
        for level, line in ((level, line) for level, lines in levels.items() for line in lines.of.get(tenant, ())):
            most = min(tasks, line.waiting)
            asked = min(_ASKED, most)
            for part in range(asked):
                position = round((part + 1) / asked * most)
                if start := forecast.start(Place(type_name, level, position, tenant, line.group)):
                    found.append((start.p50, most / asked))
        started = 0.0
        for seconds, count in sorted(found):
            started += count
            if started >= tasks - 1e-9:
                return seconds
        return None

    def of_new(self, tasks: Mapping[LineName, int]) -> OfNew:
        """When tasks would start that were submitted now, so many in each line.

        One small forecast. That of a single line serves for a second, as if as many came as a batch may have: who
        stands behind makes nobody later.
        """
        current = self.current()
        if len(tasks) > 1:
            return self._of_new_in(current, tasks)
        (line,) = tasks
        with self._one_builds:
            if self._of_new_at != current.at_us:
                self._of_new, self._of_new_at = {}, current.at_us
            if line not in self._of_new:
                self._of_new[line] = self._of_new_in(current, {line: _NEW})
            return self._of_new[line]

    def _of_new_in(self, current: Current, tasks: Mapping[LineName, int]) -> OfNew:
        snapshot, first = with_tasks(current.snapshot, tasks)
        return OfNew(Forecast.small(snapshot, current.forecast.widen), first, current.at_us)

    def what_if(self, change: Change) -> tuple[list[TypeOutlook], list[TypeOutlook]]:
        """What becomes of all that waits, as things stand and with the change.

        Whoever asks of a change has just seen what waits, maybe told by another process: a second's age would show.
        """
        forecast = self.current(anew=change != Change()).forecast
        changed = Forecast(change.of(forecast.snapshot), widen=forecast.widen)
        return outlook(forecast), outlook(changed)

    def replayed(self, change: Change, since: int, until: int) -> tuple[list[TypeOutlook], list[TypeOutlook]]:
        """The same of what came between two seconds since the epoch. Raises ``InvalidInput`` when that is too much."""
        snapshot = self.current().snapshot
        rows = {name: self.history.read(name, since, until) for name in sorted(self._types)}
        tasks = sum(sum(row.arrived.values()) for of_type in rows.values() for row in of_type)
        if tasks > MOST_REPLAYED:
            detail = f"{tasks:,} tasks came in that time; choose a shorter one, of {MOST_REPLAYED:,} at most."
            raise InvalidInput(errors=[{"pointer": "/since", "detail": detail}])
        return replay(snapshot, rows, since), replay(change.of(snapshot), rows, since)

    def workers_wanted(self, objective: float) -> list[Wanted]:
        """Worker processes for starts within so many seconds. Each process remembers what it wanted before."""
        snapshot = self.current().snapshot
        arrivals = self.history.arrivals(sorted(self._types))
        return self._autoscale.wanted(snapshot, arrivals, objective, self._clock.monotonic())

    def would_help(self, task_id: str) -> list[Help]:
        """What would let a waiting task start sooner, the most first; nothing for one that does not wait."""
        with redis_errors():
            (found,) = standings(self._redis, self._keys, [task_id])
        return would_help(self.current().snapshot, found.place) if found else []


def _seconds(at_us: int, due_us: int | None) -> float:
    """From then until a task is due, 0 where it is or needs not be."""
    return max(0.0, ((due_us or 0) - at_us) / 1e6)
