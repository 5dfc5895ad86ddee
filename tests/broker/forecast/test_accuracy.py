"""Guards that forecasts are judged, and that intervals become as wide as they must be."""

from statistics import mean

import pytest
from redis import Redis

from broker.engine.keys import Keys
from broker.forecast.accuracy import Accuracies, Accuracy, error, widened
from broker.forecast.forecast import Forecast, Interval
from tests.broker.forecast.cases import Case
from tests.scale import examples

TEN = Interval(8.0, 10.0, 12.0)


@pytest.fixture
def accuracies(redis: Redis, keys: Keys) -> Accuracies:
    return Accuracies(redis, keys)


def test_what_is_told_of_the_last_starts(accuracies: Accuracies) -> None:
    assert accuracies.read(["Noop"]) == {"Noop": None}
    for waited in (10.0, 12.0, 20.0, 8.0):
        accuracies.record("Noop", TEN, waited)
    found = accuracies.read(["Noop", "Other"])
    half = pytest.approx((0.25 + 1 / 6) / 2, abs=1e-3)
    assert found == {"Noop": Accuracy(4, 0.75, half), "Other": None}


def test_only_the_last_500_count(accuracies: Accuracies) -> None:
    for number in range(505):
        accuracies.record("Noop", TEN, 100.0 if number < 5 else 10.0)
    assert accuracies.read(["Noop"])["Noop"] == Accuracy(500, 1.0, 0.0)


def test_misses_widen_and_hits_narrow_within_bounds(accuracies: Accuracies) -> None:
    assert accuracies.widths(["Noop"]) == {"Noop": 1.0}
    accuracies.record("Noop", TEN, 100.0)
    wide = accuracies.widths(["Noop"])["Noop"]
    accuracies.record("Noop", TEN, 10.0)
    assert wide > accuracies.widths(["Noop"])["Noop"] > 1
    for _ in range(200):
        accuracies.record("Noop", TEN, 100.0)
        accuracies.record("Other", TEN, 10.0)
    assert accuracies.widths(["Noop", "Other"]) == {"Noop": 6.0, "Other": 0.3}


def test_the_error_of_a_short_wait_is_that_of_a_second() -> None:
    assert error(Interval(0.0, 0.3, 1.0), 0.1) == pytest.approx(0.2)


@pytest.mark.scales
@pytest.mark.parametrize("slower", [1.0, 1.3])
def test_calibrated_intervals_hold_what_they_should(slower: float) -> None:
    """Also where the world has become slower than what was measured of it: 75 to 90 % inside."""
    widen, inside = 1.0, []
    for seed in range(7000, 7000 + examples(40)):
        case = Case(seed, 200)
        drifted = {name: (lambda r, of=of: of(r) * slower) for name, of in case.sample.items()}
        case.world.run(drifted, seed)
        forecast = Forecast(case.snapshot, replicas=8)
        for job, place in case.places(25):
            forecast.widen = dict.fromkeys(case.snapshot.types, widen)
            start = forecast.start(place)
            if start and job.start is not None:
                inside.append(start.p10 <= job.start <= start.p90)
                widen = widened(widen, inside[-1])
    settled = inside[len(inside) // 3 :]
    print(slower, mean(settled), widen)
    assert 0.7 <= mean(settled) <= 0.9
