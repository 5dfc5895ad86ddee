"""Guards the arithmetic: sizes of renditions, lengths of segments."""

from fractions import Fraction

import pytest

from handlers.transcoding.ladder import gop_frames, rungs, segment_frames

NTSC_FILM, NTSC, NTSC_60 = Fraction(24_000, 1001), Fraction(30_000, 1001), Fraction(60_000, 1001)


def sizes(width: int, height: int) -> list[tuple[str, int, int]]:
    return [(rung.name, rung.width, rung.height) for rung in rungs(width, height)]


def test_full_hd_gets_all_four_rungs() -> None:
    assert sizes(1920, 1080) == [
        ("360p", 640, 360),
        ("480p", 854, 480),
        ("720p", 1280, 720),
        ("1080p", 1920, 1080),
    ]
    assert [rung.max_rate for rung in rungs(1920, 1080)] == [800_000, 1_400_000, 2_800_000, 5_000_000]


def test_a_portrait_is_measured_by_its_short_side() -> None:
    assert sizes(1080, 1920) == [(name, height, width) for name, width, height in sizes(1920, 1080)]


@pytest.mark.parametrize(
    ("width", "height", "names"),
    [
        (3840, 2160, ["360p", "480p", "720p", "1080p"]),
        (1280, 719, ["360p", "480p"]),
        (640, 360, ["360p"]),
        (1920, 800, ["360p", "480p", "720p"]),
    ],
)
def test_no_rung_is_above_the_source(width: int, height: int, names: list[str]) -> None:
    assert [rung.name for rung in rungs(width, height)] == names


@pytest.mark.parametrize(
    ("width", "height", "expected"),
    [
        (320, 240, ("240p", 320, 240)),
        (405, 227, ("227p", 404, 226)),
        (640, 359, ("359p", 640, 358)),
        (15, 11, ("11p", 16, 16)),
        (1, 1, ("1p", 16, 16)),
    ],
)
def test_a_source_below_all_rungs_keeps_its_own_size(width: int, height: int, expected: tuple[str, int, int]) -> None:
    assert sizes(width, height) == [expected]


def test_sizes_are_even_and_keep_their_shape() -> None:
    for width, height in [(1919, 1079), (2048, 858), (854, 481), (1000, 1000), (999, 777), (4096, 360)]:
        for rung in rungs(width, height):
            assert rung.width % 2 == rung.height % 2 == 0
            assert rung.width <= width
            assert rung.height <= height
            assert abs(rung.width / rung.height - width / height) < 0.01 * width / height


@pytest.mark.parametrize(("width", "height"), [(2560, 1080), (7680, 1080), (1080, 7680), (20_000, 1000)])
def test_very_wide_pictures_stay_within_level_4_2(width: int, height: int) -> None:
    for rung in rungs(width, height):
        assert -(-rung.width // 16) * -(-rung.height // 16) <= 8704
        assert max(rung.width, rung.height) <= 4096


@pytest.mark.parametrize(
    ("rate", "frames"),
    [(NTSC_FILM, 144), (Fraction(25), 150), (NTSC, 180), (Fraction(50), 300), (NTSC_60, 360), (Fraction(6), 36)],
)
def test_a_segment_is_three_groups_of_pictures_near_six_seconds(rate: Fraction, frames: int) -> None:
    assert segment_frames(rate) == frames == 3 * gop_frames(rate)


def test_no_segment_is_longer_than_a_target_of_six_seconds_allows() -> None:
    for tenths in range(60, 601):
        assert 6 <= segment_frames(Fraction(tenths, 10)) / Fraction(tenths, 10) <= Fraction(13, 2)
