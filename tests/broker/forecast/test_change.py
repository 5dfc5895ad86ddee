"""Guards the what-ifs: other limits, workers and weights by the same model, and what would help a task."""

from dataclasses import replace

import pytest

from broker.forecast.bucket import TOKEN
from broker.forecast.change import Change, LineName, with_tasks
from broker.forecast.durations import Durations
from broker.forecast.forecast import Forecast
from broker.forecast.history import Row
from broker.forecast.outlook import TypeOutlook, outlook, replay
from broker.forecast.replica import Place
from broker.forecast.snapshot import Caps, Line, Lines, Run, Snapshot, TypeState, WorkerGroup
from broker.forecast.would_help import would_help

TEN = Durations((9.0, 10.0, 11.0), 100)
A, AB = frozenset("A"), frozenset("AB")


def state(*lines: Line, **limits: object) -> TypeState:
    return TypeState(TEN, {0: Lines(lines)}, **limits)  # type: ignore[arg-type]


def of_a(found: list[TypeOutlook]) -> TypeOutlook:
    return next(each for each in found if each.type == "A")


class TestChange:
    SNAPSHOT = Snapshot(
        {"A": state(Line(100), rate=1000, burst=4, bucket=3 * TOKEN), "B": state(Line(5))},
        (WorkerGroup(A, 2), WorkerGroup(AB, 1)),
        (Run("A", 1.0, workers=1),),
    )

    def test_of_nothing_is_the_same(self) -> None:
        assert Change().of(self.SNAPSHOT).workers == self.SNAPSHOT.workers
        assert Change().of(self.SNAPSHOT).types["A"].bucket == 3 * TOKEN

    def test_limits(self) -> None:
        """A smaller burst holds no more than it is; a type that had no rate begins with an empty bucket."""
        change = Change({"A": {"rate": 500, "burst": 2, "tenant_concurrency": 1}, "B": {"rate": 100}})
        changed = change.of(self.SNAPSHOT).types
        assert (changed["A"].rate, changed["A"].burst, changed["A"].bucket) == (500, 2, 2 * TOKEN)
        assert changed["A"].caps == Caps(tenant_concurrency=1)
        assert changed["B"].bucket == 0

    def test_workers_keep_their_places(self) -> None:
        changed = Change(workers={A: 7, frozenset("B"): 2}).of(self.SNAPSHOT)
        assert changed.workers == (WorkerGroup(A, 7), WorkerGroup(AB, 1), WorkerGroup(frozenset("B"), 2))

    def test_fewer_workers_than_runs_take_nothing_until_those_have_ended(self) -> None:
        busy = replace(
            self.SNAPSHOT, running=tuple(Run("A", 0.0, workers=0) for _ in range(2)), workers=(WorkerGroup(A, 2),)
        )
        start = Forecast(Change(workers={A: 1}).of(busy)).start(Place("A", 0, 1))
        assert start
        assert start.p50 > 9

    def test_more_tasks(self) -> None:
        snapshot = Snapshot({"A": state(Line(3, "t", tag=5.0), Line(4, "u", tag=2.0)), "B": state()}, ())
        own, new, other = LineName("A", 0, "t"), LineName("A", 0, "v", "g"), LineName("B", 9)
        longer, places = with_tasks(snapshot, {own: 1, new: 7, other: 2})
        assert {line: place.position for line, place in places.items()} == {own: 4, new: 1, other: 1}
        lines = longer.types["A"].levels[0]
        assert lines.of["t"] == [Line(4, "t", tag=5.0)]
        assert lines.of["v"] == [Line(7, "v", "g", tag=2.0, shares=True)]
        assert (lines.waiting, longer.types["B"].levels[9].waiting) == (15, 2)
        assert snapshot.types["A"].levels[0].waiting == 7


class TestOutlook:
    WAITING = Snapshot({"A": state(Line(200, "t"), Line(40, "u")), "B": state()}, (WorkerGroup(AB, 4),))

    def test_when_all_is_started_and_how_long_it_waits(self) -> None:
        found = of_a(outlook(Forecast(self.WAITING)))
        assert found.total.tasks == 240
        assert found.total.drained
        assert found.total.wait
        assert found.total.drained.p50 == pytest.approx(600, rel=0.05)
        assert found.total.wait.p50 == pytest.approx(300, rel=0.15)
        assert found.tenants["u"].drained
        assert found.tenants["u"].drained.p50 == pytest.approx(200, rel=0.1)

    def test_twice_the_workers_take_half_as_long(self) -> None:
        after = of_a(outlook(Forecast(Change(workers={AB: 8}).of(self.WAITING))))
        assert after.total.drained
        assert after.total.drained.p50 == pytest.approx(300, rel=0.06)

    def test_weight_for_one_tenant_moves_only_the_order(self) -> None:
        after = of_a(outlook(Forecast(Change(weights={"t": 9.0}).of(self.WAITING))))
        assert after.total.drained
        assert after.tenants["u"].drained
        assert after.total.drained.p50 == pytest.approx(600, rel=0.05)
        assert after.tenants["u"].drained.p50 > 500

    def test_nothing_waits(self) -> None:
        b = next(each for each in outlook(Forecast(self.WAITING)) if each.type == "B")
        assert (b.total.tasks, b.total.drained, b.total.wait) == (0, None, None)

    def test_never(self) -> None:
        found = of_a(outlook(Forecast(Change({"A": {"paused": True}}).of(self.WAITING))))
        assert (found.total.tasks, found.total.drained, found.total.wait) == (240, None, None)


#: Two tasks in each ten seconds of ten minutes.
ROWS = {"A": [Row(1000 + 10 * number, arrived={0: 2}) for number in range(60)], "B": [Row(1000, arrived={5: 1})]}


class TestReplay:
    SNAPSHOT = Snapshot({"A": state(Line(999)), "B": state()}, (WorkerGroup(AB, 1),))

    def test_what_came_is_played_from_an_empty_queue(self) -> None:
        """120 tasks of ten seconds in ten minutes: one worker falls behind, two do not."""
        before = of_a(replay(self.SNAPSHOT, ROWS, 1000))
        after = of_a(replay(Change(workers={AB: 3}).of(self.SNAPSHOT), ROWS, 1000))
        assert before.total.tasks == after.total.tasks == 120
        assert before.total.drained
        assert after.total.drained
        assert before.total.wait
        assert after.total.wait
        assert before.total.drained.p50 == pytest.approx(1200, rel=0.05)
        assert after.total.drained.p50 == pytest.approx(600, rel=0.05)
        assert before.total.wait.p90 > 400
        assert after.total.wait.p90 < 20

    def test_whose_tasks_they_were_counts(self) -> None:
        """A tenant with few tasks does not wait behind another's flood; a cap holds only who is at it."""
        rows = {"A": [Row(1000, arrived={0: 100}, tenants={"flood": 90, "few": 10})]}
        caps = Caps(tenant_concurrency=1)
        busy = replace(self.SNAPSHOT, workers=(WorkerGroup(A, 4),))
        plain = of_a(replay(busy, rows, 1000)).tenants
        capped = of_a(replay(Change({"A": {"tenant_concurrency": 1}}).of(busy), rows, 1000)).tenants
        assert sum(each.tasks for each in plain.values()) == 100
        assert plain["few"].wait
        assert plain["flood"].wait
        assert plain["few"].wait.p90 < 0.6 * plain["flood"].wait.p50
        assert capped["flood"].drained
        assert capped["flood"].drained.p50 == pytest.approx(10 * capped["flood"].tasks, rel=0.05)
        aside = replace(busy.types["A"], caps=caps, aside=("flood",), tenant_buckets={"few": 0})
        again = of_a(replay(replace(busy, types={"A": aside}), rows, 1000)).tenants
        assert again == capped  # who is at a cap now was not then

    def test_what_could_never_start(self) -> None:
        found = of_a(replay(Change({"A": {"paused": True}}).of(self.SNAPSHOT), ROWS, 1000))
        assert (found.total.tasks, found.total.drained, found.total.wait) == (120, None, None)


class TestWouldHelp:
    def names(self, snapshot: Snapshot, place: Place) -> list[str]:
        return [each.change for each in would_help(snapshot, place)]

    def test_where_workers_are_what_it_waits_for(self) -> None:
        snapshot = Snapshot({"A": state(Line(50), rate=50_000, burst=9, bucket=9 * TOKEN)}, (WorkerGroup(A, 2),))
        (found,) = would_help(snapshot, Place("A", 0, 50))
        assert found.change == "one more worker process for A"
        assert found.saves_seconds == pytest.approx(250 / 3, rel=0.2)

    def test_where_tokens_are(self) -> None:
        snapshot = Snapshot({"A": state(Line(50), rate=100)}, (WorkerGroup(A, 9),))
        assert self.names(snapshot, Place("A", 0, 50)) == ["a rate of 0.2 a second"]

    def test_where_the_concurrency_is(self) -> None:
        snapshot = Snapshot({"A": state(Line(50), concurrency=2)}, (WorkerGroup(A, 9),))
        assert self.names(snapshot, Place("A", 0, 50)) == ["a concurrency of 3"]

    def test_where_the_tenants_share_or_cap_is(self) -> None:
        lines = Line(50, "t"), Line(50, "u")
        snapshot = Snapshot({"A": state(*lines)}, (WorkerGroup(A, 4),))
        assert "a weight of 2 for t" in self.names(snapshot, Place("A", 0, 50, "t"))
        snapshot = Snapshot({"A": state(lines[0], caps=Caps(tenant_concurrency=1))}, (WorkerGroup(A, 4),))
        assert self.names(snapshot, Place("A", 0, 50, "t")) == ["2 at once for each tenant"]

    def test_where_it_never_starts(self) -> None:
        place = Place("A", 0, 1)
        assert self.names(Snapshot({"A": state(Line(1), paused=True)}, (WorkerGroup(A, 1),)), place) == ["resume A"]
        (found,) = would_help(Snapshot({"A": state(Line(1))}, ()), place)
        assert (found.change, found.saves_seconds) == ("one more worker process for A", None)
