"""When the next attempt is made: the schedule, and how long a failing one is left alone."""

import random

from broker.webhooks.retries import SCHEDULE, cooldown, delay


def test_the_schedule_begins_as_promised_and_lasts_three_days() -> None:
    assert SCHEDULE[:4] == (5, 300, 1800, 7200)
    assert 3 * 86_400 <= sum(SCHEDULE) < 4 * 86_400


def test_delays_scatter_by_a_fifth_and_end() -> None:
    luck = random.Random(1)
    for number, usual in enumerate(SCHEDULE, 1):
        drawn = [delay(number, None, luck) or 0 for _ in range(200)]
        assert 0.8 * usual <= min(drawn) < 0.85 * usual < 1.15 * usual < max(drawn) <= 1.2 * usual
    assert delay(len(SCHEDULE) + 1, 10.0, luck) is None


def test_a_receiver_that_is_down_is_left_alone_and_one_that_dislikes_an_event_is_not() -> None:
    assert [cooldown(None, failures, None) for failures in (0, 1, 2, 5, 6, 100)] == [1, 2, 4, 32, 60, 60]
    assert [cooldown(status, 0, None) for status in (429, 502, 503, 504)] == [1, 1, 1, 1]
    assert [cooldown(status, 9, 7.0) for status in (302, 400, 404, 500)] == [0, 0, 0, 0]
    assert cooldown(503, 0, 120.0) == 120
