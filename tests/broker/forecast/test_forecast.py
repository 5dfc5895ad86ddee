"""Guards the forecast: closed forms where there are any, else the independent simulation, over random worlds."""

import random
from math import inf
from statistics import mean
from typing import Any

import pytest

from broker.forecast.bucket import TOKEN
from broker.forecast.durations import Durations
from broker.forecast.forecast import Forecast, Interval, after
from broker.forecast.replica import Place
from broker.forecast.snapshot import Caps, Due, Line, Lines, Media, Run, Snapshot, TypeState, WorkerGroup
from tests.broker.forecast.cases import Case, judge
from tests.scale import examples

_R = random.Random(1)
#: About ten seconds.
TEN = Durations.of([_R.gammavariate(4, 2.5) for _ in range(400)])
WORKERS = (WorkerGroup(frozenset("A"), 4),)


def snapshot(
    *lines: Line, level: int = 0, workers: tuple[WorkerGroup, ...] = WORKERS, due: tuple[Due, ...] = (), **limits: Any
) -> Snapshot:
    given = {"rate": 2000, "burst": 4, "bucket": 4 * TOKEN} | limits
    levels = given.pop("levels", {level: Lines(lines or [Line(500)])})
    return Snapshot({"A": TypeState(given.pop("durations", TEN), levels, **given)}, workers, due=due)


def p50(forecast: Forecast, position: int, level: int = 0, tenant: str = "") -> float:
    interval = forecast.start(Place("A", level, position, tenant))
    return interval.p50 if interval else inf


class TestWhatBinds:
    def test_tokens(self) -> None:
        """The four that are there, then one each ten seconds."""
        assert p50(Forecast(snapshot(rate=100)), 400) == pytest.approx((400 - 4) / 0.1, rel=0.01)

    def test_workers(self) -> None:
        assert p50(Forecast(snapshot()), 400) == pytest.approx(400 * TEN.mean / 4, rel=0.06)

    def test_concurrency(self) -> None:
        found = Forecast(snapshot(concurrency=1)).start(Place("A", 0, 100))
        assert found
        assert found.p50 == pytest.approx(99 * TEN.mean, rel=0.08)
        assert found.p90 - found.p10 > 50

    def test_a_higher_level_goes_before(self) -> None:
        levels = {5: Lines([Line(300)]), 0: Lines([Line(100)])}
        forecast = Forecast(snapshot(levels=levels))
        assert p50(forecast, 100, level=0) == pytest.approx(400 * TEN.mean / 4, rel=0.08)
        assert p50(forecast, 100, level=5) == pytest.approx(100 * TEN.mean / 4, rel=0.12)

    def test_what_comes_due_in_a_higher_level_goes_before(self) -> None:
        due = tuple(Due(600.0 + each / 10, "A", level=9) for each in range(200))
        with_due, without = Forecast(snapshot(due=due)), Forecast(snapshot())
        assert p50(with_due, 450) - p50(without, 450) == pytest.approx(200 * TEN.mean / 4, rel=0.15)
        assert p50(with_due, 100) == pytest.approx(p50(without, 100), rel=0.1)

    def test_more_that_comes_in_a_higher_level_goes_before(self) -> None:
        """At half of what the workers can do, everything below takes twice as long."""
        forecast = Forecast(snapshot(arrivals={5: 2 / TEN.mean}))
        assert p50(forecast, 400) == pytest.approx(2 * 400 * TEN.mean / 4, rel=0.2)

    def test_running_tasks_that_tell_their_progress_end_when_they_say(self) -> None:
        running = tuple(Run("A", age=100.0, workers=0, progress=0.5) for _ in range(4))
        forecast = Forecast(Snapshot({"A": TypeState(TEN, {0: Lines([Line(1)])})}, WORKERS, running))
        assert p50(forecast, 1) == pytest.approx(100, rel=0.2)


class TestNever:
    @pytest.mark.parametrize(
        ("limits", "position"),
        [
            ({"paused": True}, 1),
            ({"workers": (WorkerGroup(frozenset("B"), 4),)}, 1),
            ({"workers": ()}, 1),
            ({"arrivals": {5: 1.0}}, 400),
        ],
    )
    def test_while_things_stay_as_they_are(self, limits: dict[str, Any], position: int) -> None:
        """Paused, nobody listens, nobody is there, or more comes in a higher level than can be done."""
        assert Forecast(snapshot(**limits)).start(Place("A", 0, position)) is None

    def test_another_type_goes_on(self) -> None:
        types = {"A": TypeState(TEN, {0: Lines([Line(9)])}, paused=True), "B": TypeState(TEN, {0: Lines([Line(900)])})}
        forecast = Forecast(Snapshot(types, (WorkerGroup(frozenset("AB"), 4),)))
        assert forecast.start(Place("A", 0, 1)) is None
        assert forecast.finish(Place("A", 0, 1)) is None
        assert forecast.start(Place("B", 0, 900))


class TestTenants:
    def test_a_small_tenant_does_not_wait_for_a_large_one(self) -> None:
        forecast = Forecast(snapshot(Line(5000, "large"), Line(400, "small")))
        assert p50(forecast, 400, tenant="small") == pytest.approx(800 * TEN.mean / 4, rel=0.1)
        assert p50(forecast, 5000, tenant="large") == pytest.approx(5400 * TEN.mean / 4, rel=0.05)

    def test_weights(self) -> None:
        of = snapshot(Line(900, "heavy"), Line(900, "light"))
        forecast = Forecast(Snapshot(of.types, of.workers, weights={"heavy": 3.0}))
        assert p50(forecast, 600, tenant="heavy") == pytest.approx(800 * TEN.mean / 4, rel=0.1)
        assert p50(forecast, 200, tenant="light") == pytest.approx(800 * TEN.mean / 4, rel=0.15)

    def test_groups_of_a_tenant(self) -> None:
        forecast = Forecast(snapshot(Line(900, "t", "x", shares=True), Line(300, "t", "y", shares=True)))
        start = forecast.start(Place("A", 0, 300, "t", "y"))
        assert start
        assert start.p50 == pytest.approx(600 * TEN.mean / 4, rel=0.1)

    def test_a_cap_leaves_the_rest_to_others(self) -> None:
        """One of four workers for the one, three for the other."""
        lines = Line(500, "capped"), Line(500, "other")
        caps = Caps(tenant_concurrency=3)
        forecast = Forecast(snapshot(*lines, caps=caps))
        assert p50(forecast, 500, tenant="other") == pytest.approx(1000 * TEN.mean / 4, rel=0.1)
        forecast = Forecast(snapshot(lines[0], caps=caps))
        assert p50(forecast, 500, tenant="capped") == pytest.approx(500 * TEN.mean / 3, rel=0.1)

    def test_a_tenants_rate(self) -> None:
        forecast = Forecast(snapshot(Line(500, "a"), Line(500, "b"), caps=Caps(tenant_rate=50, tenant_burst=1)))
        assert p50(forecast, 300, tenant="a") == pytest.approx(299 / 0.05, rel=0.05)


class TestFinish:
    def test_a_run_longer(self) -> None:
        forecast = Forecast(snapshot(rate=100))
        start, end = forecast.start(Place("A", 0, 4)), forecast.finish(Place("A", 0, 4))
        assert start
        assert end
        assert end.p50 - start.p50 == pytest.approx(TEN.quantile(0.5), abs=0.5)

    def test_of_a_recording_by_its_length(self) -> None:
        of = snapshot(per_media_second=Durations((0.4, 0.5, 0.6), 50), concurrency=4, rate=None)
        end = Forecast(of).finish(Place("A", 0, 1), Media(seconds=3600, bytes=5))
        assert end
        assert (end.p10, end.p50, end.p90) == pytest.approx((1540, 1800, 2060), rel=0.05)

    def test_it_never_ends_before_it_starts(self) -> None:
        """However short its run is against the wait, however crooked the interval, and when it is not yet due."""
        rng = random.Random(7)
        for _ in range(examples(300)):
            p10, p50, p90 = sorted(rng.expovariate(1 / 50) for _ in range(3))
            begun = Interval(p10, p50, p90)
            ended = after(begun, Durations.of(rng.expovariate(1 / rng.choice([0.01, 1, 30])) for _ in range(20)))
            assert (ended.p10 >= p10, ended.p50 >= p50, ended.p90 >= p90) == (True, True, True)
        forecast = Forecast(snapshot(durations=Durations((0.001, 0.002), 2)))
        for not_before in (0.0, 0.4, 600.0):
            start, end = (ask(Place("A", 0, 400), not_before=not_before) for ask in (forecast.start, forecast.finish))
            assert start
            assert end
            assert end.p10 >= start.p10 >= not_before
            assert end.p90 >= start.p90


@pytest.mark.scales
class TestAgainstTheSimulation:
    """What is asked for: 75 to 90 % in the interval once it is calibrated, errors of 5 % and 30 %."""

    def test_one_tenant(self) -> None:
        score = judge([Case(seed, 300) for seed in range(1000, 1000 + examples(40))], 20)
        print(score)
        assert 0.72 <= mean(score.inside) <= 0.93
        assert 0.72 <= mean(score.ends_inside) <= 0.95
        assert score.error(0.5) <= 0.05
        assert score.error(0.9) <= 0.3
        assert score.never <= len(score.errors) / 100

    def test_several_tenants(self) -> None:
        """Who knew everything but the luck of each run would err by 5 % and 28 %, capped tenants or not."""
        score = judge([Case(seed, 300, tenants=5, caps=seed % 2 == 0) for seed in range(1000, 1000 + examples(10))])
        print(score)
        assert 0.65 <= mean(score.inside) <= 0.95
        assert score.error(0.5) <= 0.08
        assert score.error(0.9) <= 0.42
