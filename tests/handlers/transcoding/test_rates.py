"""Guards the choice of a constant rate: the source's own, in which every picture has a place."""

from fractions import Fraction
from math import floor

import pytest

from handlers.transcoding.rates import natural_rate, output_rate, with_places

NTSC_FILM, NTSC, NTSC_60 = Fraction(24_000, 1001), Fraction(30_000, 1001), Fraction(60_000, 1001)


@pytest.mark.parametrize(
    ("mean", "typical", "expected"),
    [
        (25.0, 25.0, Fraction(25)),
        (23.976, 23.976, NTSC_FILM),
        (29.9701, 29.972, NTSC),
        (59.94, 59.95, NTSC_60),
        (24.04, 25.0, Fraction(25)),
        (7.5, 30.0, Fraction(30)),
        (7.3, 7.3, Fraction(73, 10)),
    ],
)
def test_a_steady_source_keeps_its_rate_whatever_is_missing(mean: float, typical: float, expected: Fraction) -> None:
    assert natural_rate(mean, typical, steady=True) == expected


@pytest.mark.parametrize(
    ("mean", "typical", "expected"),
    [(23.976, 20.0, NTSC_FILM), (37.5, 30.0, Fraction(30)), (17.3, 27.0, NTSC), (40.0, 200.0, Fraction(60))],
)
def test_an_unsteady_source_keeps_its_frames(mean: float, typical: float, expected: Fraction) -> None:
    assert natural_rate(mean, typical, steady=False) == expected


@pytest.mark.parametrize(
    ("mean", "expected"),
    [(240.0, 60), (120.0, 60), (119.88, 59.94), (100.0, 50), (90.0, 45), (5.0, 10), (1.0, 6), (0.1, 6), (1e-9, 6)],
)
def test_rates_outside_6_to_60_change_by_a_whole_factor(mean: float, expected: float) -> None:
    rate = output_rate(natural_rate(mean, mean, steady=True), interlaced=False)
    assert 6 <= rate <= 60
    assert float(rate) == pytest.approx(expected, rel=1e-3)


@pytest.mark.parametrize(("natural", "expected"), [(25, Fraction(50)), (NTSC, NTSC_60), (50, Fraction(50))])
def test_an_interlaced_source_gives_a_frame_per_field(natural: Fraction, expected: Fraction) -> None:
    assert output_rate(Fraction(natural), interlaced=True) == expected


def lost(times: list[float], rate: Fraction, shift: float) -> int:
    return len(times) - len({floor((time + shift) * rate + 0.5) for time in times})


@pytest.mark.parametrize(
    ("natural", "rhythm", "expected"),
    [
        (20, [2, 3, 3, 2, 1], NTSC_60),  # a recording of a screen: 27 pictures a second in the mean
        (25, [4, 1, 2], NTSC_60),
        (NTSC_FILM, [2, 3], NTSC_FILM),  # film in the rhythm of NTSC
    ],
)
def test_no_picture_is_without_a_place(natural: Fraction, rhythm: list[int], expected: Fraction) -> None:
    """Distances are in sixtieths of a second, times in whole milliseconds."""
    ticks = [0]
    while len(ticks) < 300:
        ticks.append(ticks[-1] + rhythm[len(ticks) % len(rhythm)])
    times = [round(tick / NTSC_60, 3) for tick in ticks]
    rate, shift = with_places(Fraction(natural), [[float(time) for time in times]], interlaced=False)
    assert (rate, lost([float(time) for time in times], rate, shift)) == (expected, 0)


def test_pictures_that_lie_between_two_places_are_shifted() -> None:
    """The priming of AAC shifts pictures by 21 ms in many files, half the time of one; rounding does the rest."""
    times = [round(0.0209 + number * 1001 / 24_000, 3) for number in range(300)]
    assert lost(times, NTSC_FILM, 0) > 20
    rate, shift = with_places(NTSC_FILM, [times], interlaced=False)
    assert (rate, lost(times, rate, shift)) == (NTSC_FILM, 0)
    assert abs(shift) < 0.5 / 24


def test_a_few_wrong_times_change_no_rate() -> None:
    times = [number / 25 for number in range(1000)]
    times[500] = times[499] + 0.015
    doubled = sorted([*times, *times[::3]])
    assert with_places(Fraction(25), [doubled], interlaced=False) == (25, 0)


def test_what_comes_faster_than_can_be_shown_keeps_its_whole_factor() -> None:
    assert with_places(Fraction(240), [[number / 240 for number in range(100)]], interlaced=False) == (60, 0)
