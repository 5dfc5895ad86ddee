"""Guards what is learnt from packets' times: length, rates, and clocks that jump."""

import pytest

from handlers.transcoding.timeline import Timeline


def regular(count: int, step: float = 0.04, start: float = 0.0, origin: float = 0.0) -> Timeline:
    timeline = Timeline(origin, broadcast=False)
    for number in range(count):
        timeline.add(start + number * step, start + number * step, step)
    return timeline


def test_a_regular_track() -> None:
    timeline = regular(50)
    assert (timeline.count, timeline.end) == (50, pytest.approx(2.0))
    assert (timeline.mean_rate, timeline.typical_rate) == (pytest.approx(25), pytest.approx(25))


def test_times_count_from_where_the_file_begins() -> None:
    assert regular(25, start=10, origin=10).end == pytest.approx(1.0)
    late = regular(25, start=13, origin=10)
    assert (late.end, late.mean_rate) == (pytest.approx(4.0), pytest.approx(25))


def test_reordered_pictures_end_with_the_latest_shown() -> None:
    timeline = Timeline(0, broadcast=False)
    for decode, shown in [(-0.08, 0.0), (-0.04, 0.12), (0.0, 0.04), (0.04, 0.08)]:
        timeline.add(decode, shown, 0.04)
    assert timeline.end == pytest.approx(0.16)
    assert timeline.mean_rate == pytest.approx(25)


def test_rounded_timestamps_average_out() -> None:
    timeline = Timeline(0, broadcast=False)
    for number in range(3001):
        timeline.add(None, round(number / 30, 3), 0.033)
    assert timeline.typical_rate == pytest.approx(30, rel=1e-4)
    assert timeline.steady


@pytest.mark.parametrize("distances", [[0.033, 0.050], [0.010, 0.080, 0.033, 0.050, 0.020]])
def test_another_rhythm_is_not_steady(distances: list[float]) -> None:
    timeline, at = Timeline(0, broadcast=False), 0.0
    for number in range(100):
        timeline.add(at, at, 0.04)
        at += distances[number % len(distances)]
    assert not timeline.steady


def test_a_hole_lowers_the_mean_but_not_the_typical_rate() -> None:
    timeline = Timeline(0, broadcast=False)
    for number in range(50):
        timeline.add(None, number * 0.04 + (6 if number >= 25 else 0), 0.04)
    assert timeline.mean_rate == pytest.approx(50 / 8)
    assert timeline.typical_rate == pytest.approx(25)
    assert timeline.steady


def test_packets_without_times_follow_each_other() -> None:
    timeline = Timeline(0, broadcast=False)
    timeline.add(0.0, 0.0, 0.04)
    timeline.add(0.04, 0.04, 0.04)
    for _ in range(23):
        timeline.add(None, None, 0.0)
    assert timeline.end == pytest.approx(1.0)


def test_a_file_that_tells_no_time_at_all_still_has_a_rate() -> None:
    timeline = Timeline(0, broadcast=False)
    timeline.add(None, None, 0.0)
    assert timeline.mean_rate == timeline.typical_rate == 25


@pytest.mark.parametrize("jump", [-3.0, 26_000.0])
def test_a_broadcast_clock_that_starts_anew_goes_on(jump: float) -> None:
    timeline = Timeline(0, broadcast=True)
    for number in range(50):
        time = number * 0.04 + (jump if number >= 25 else 0)
        timeline.add(time, time, 0.04)
    assert timeline.end == pytest.approx(2.0)


def test_a_file_with_one_clock_may_be_as_long_as_it_says() -> None:
    timeline = Timeline(0, broadcast=False)
    timeline.add(0.0, 0.0, 0.04)
    timeline.add(100_000.0, 100_000.0, 0.04)
    assert timeline.end == pytest.approx(100_000.04)


def test_the_last_of_packets_without_durations_lasts_as_long_as_the_others() -> None:
    """Though it comes behind a hole."""
    timeline = Timeline(0, broadcast=False)
    for at in (0.0, 0.04, 0.08, 50.0):
        timeline.add(at, at, 0.0)
    assert timeline.end == pytest.approx(50.04)
