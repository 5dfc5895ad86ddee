"""Guards limits over several worker processes on the server's own clock, and how little an idle worker asks."""

import random
import time
from itertools import pairwise
from statistics import median

import pytest

from broker.clock import from_rfc3339
from broker.worker.child import LONGEST_SLEEP
from tests.broker.engine.engine import AHEAD
from tests.broker.worker.harness import TENANT, Formation
from tests.broker.worker.task_types import TYPES
from tests.scale import examples

pytestmark = pytest.mark.scales


def test_no_window_sees_more_starts_than_burst_and_rate_allow(formation: Formation) -> None:
    """Three workers with two processes each, more work than tokens, and a type without limits beside it."""
    for _ in range(3):
        formation.worker(WORKER_PROCESSES=2)
    formation.until_idle(6)
    limited = [formation.submit("answer", type="Limited") for _ in range(60)]
    others = [formation.submit("answer") for _ in range(60)]
    for each in (*limited, *others):
        formation.until_status(each, "completed")

    starts = sorted(from_rfc3339(formation.task(each).started_at or "") for each in limited)
    kind = TYPES["Limited"]
    rate = kind.rate or 0
    surplus = [
        (last - first + 1) - kind.burst - rate * (starts[last] - starts[first]) / 1e6
        for first in range(len(starts))
        for last in range(first, len(starts))
    ]
    assert max(surplus) <= 1e-3  # starts are known to the microsecond
    ended_last = max(formation.task(each).completed_at or "" for each in others)
    assert from_rfc3339(ended_last) < starts[-1]  # the throttled type held nobody up


def test_a_rate_that_changes_is_kept_to_and_used(formation: Formation) -> None:
    """Bursts and rates at random while there is always work: never more starts than allowed, and hardly fewer.

    A worker that the machine lets run late loses nothing while the bucket has room: that is what its burst is for. So
    what is lost is only judged where that holds the starts of a second, which no machine lets pass.
    """
    for _ in range(3):
        formation.worker(WORKER_PROCESSES=2)
    formation.until_idle(6)
    luck, settings = random.Random(12), [(_now(formation), 20.0, 5)]
    tasks = [formation.submit("answer", type="Limited") for _ in range(100)]
    for number in range(examples(4)):
        rate, burst, seconds = float(luck.randint(5, 40)), luck.randint(4, 10), luck.uniform(0.5, 1.5)
        if number >= examples(2):
            burst = max(burst, int(rate))
        if number == examples(2):
            judged = len(settings)
        tasks += [formation.submit("answer", type="Limited") for _ in range(int(rate * seconds) + 20)]
        before = _now(formation)
        formation.broker.queues.configure("Limited", rate=rate, burst=burst)
        # Somewhere between the two the change was made: until then the larger of both holds.
        # And what was granted ahead before it still starts.
        settings += [(before, max(rate, settings[-1][1]), max(burst, settings[-1][2]))]
        settings += [(_now(formation) + AHEAD, rate, burst)]
        time.sleep(seconds)  # that time passes is all that is waited for
        assert formation.broker.tasks.stats(TENANT).by_status["pending"], "the work has run out"
    settings.append((_now(formation), 0.0, 0))

    known = (formation.field(each, "started_at") for each in tasks)
    starts = sorted(us for text in known if text and (us := from_rfc3339(text)) < settings[-1][0])
    credits = [_credit(settings, start) for start in starts]
    most = float("-inf")  # the largest count - credit of this start and all later ones: every window that begins here
    for number in reversed(range(len(starts))):
        most = max(most, number - credits[number])
        burst = next(burst for since, _, burst in reversed(settings) if since <= starts[number])
        assert most - (number - credits[number]) + 1 <= burst + 1e-3, f"a window from start {number} on"
    since = settings[judged + 1][0]
    ideal = _credit(settings, starts[-1]) - _credit(settings, since)
    found = sum(start >= since for start in starts)
    print(
        f"\n  seed 12, {len(starts)} starts under {examples(4)} changes, {found / ideal:.1%} of the last half's ideal"
    )
    assert found >= 0.95 * ideal - 1
    assert settings[-1][0] - starts[-1] < 1_000_000


def test_a_bucket_of_one_token_is_used_up(formation: Formation) -> None:
    """A sleep that the server ends is up to 0.1 s too long, half of this rate; only a busy server ends it sooner."""
    formation.worker(WORKER_PROCESSES=2)
    formation.broker.queues.configure("Limited", rate=10, burst=1)
    formation.until_idle(2)
    tasks = [formation.submit("answer", type="Limited") for _ in range(40)]
    time.sleep(3)  # nobody asks the server anything meanwhile
    starts = sorted(from_rfc3339(at) for each in tasks if (at := formation.task(each).started_at))
    gaps = [later - earlier for earlier, later in pairwise(starts)]
    print(f"\n  {len(gaps) * 0.1 / (starts[-1] - starts[0]) * 1e6:.1%} of 10/s used")
    assert min(gaps) >= 100_000
    assert median(gaps) == 100_000  # a machine that stands still for longer than a start is granted ahead may lose one


def test_no_handler_begins_before_its_token_is_due(formation: Formation) -> None:
    """It has its task by then: what it waits for is the instant that the task's record names."""
    formation.worker(WORKER_PROCESSES=2)
    formation.broker.queues.configure("Limited", rate=50, burst=1)
    tasks = [formation.submit("answer", type="Limited") for _ in range(50)]
    for each in tasks:
        formation.until_status(each, "completed")
    # The server's clock is this machine's; of many answers the one that came back soonest tells it best.
    clock = max(_now(formation) - time.monotonic() * 1e6 for _ in range(200))
    late = [formation.until_started(each)["at"] * 1e6 + clock - _started_us(formation, each) for each in tasks]
    assert min(late) > -1_000  # so exactly two clocks can be compared
    # Whoever looked from time to time would be late by half of that; a busy machine has some begin late, not most.
    assert sorted(late)[len(late) // 4] < 10_000


def _started_us(formation: Formation, task_id: str) -> int:
    return from_rfc3339(formation.task(task_id).started_at or "")


def _now(formation: Formation) -> int:
    seconds, us = formation.broker.redis.time()
    return int(seconds) * 1_000_000 + int(us)


def _credit(settings: list[tuple[int, float, int]], moment: int) -> float:
    """The tokens that came in until then."""
    spans = [(since, min(until, moment), rate) for (since, rate, _), (until, _, _) in pairwise(settings)]
    return sum(rate * max(0, until - since) / 1e6 for since, until, rate in spans)


def test_a_throttled_type_slows_no_other(formation: Formation) -> None:
    """Its backlog is there and its next token half a second away; whoever waited for it would be seen."""
    for _ in range(2):
        formation.worker(WORKER_PROCESSES=2)
    formation.broker.queues.configure("Limited", rate=2, burst=1)
    formation.until_idle(4)
    alone = _latencies(formation)
    for _ in range(100):
        formation.submit("answer", type="Limited", options={"priority": 5})
    beside = _latencies(formation)
    print(f"\n  median latency alone {median(alone) * 1000:.1f} ms, beside a backlog {median(beside) * 1000:.1f} ms")
    assert formation.broker.tasks.stats(TENANT).by_status["pending"] > 50
    # Who waits for that token waits a quarter of a second as a rule; a machine that is busy has a few wait for it.
    assert median(beside) < 2 * median(alone) + 0.05
    assert sorted(beside)[-1 - len(beside) // 10] < max(alone) + 0.2


def _latencies(formation: Formation) -> list[float]:
    """Seconds from the submission of tasks of another type to their starts, one after another."""
    latencies = []
    for _ in range(examples(20)):
        submitted = time.monotonic()
        task_id = formation.submit("answer", type="Other")
        latencies.append(formation.until_started(task_id)["at"] - submitted)
    return latencies


def test_no_more_run_at_once_than_the_concurrency_allows(formation: Formation) -> None:
    for _ in range(2):
        formation.worker(WORKER_PROCESSES=2)
    formation.until_idle(4)
    tasks = [formation.submit("sleep", type="Narrow", seconds=0.1) for _ in range(12)]
    for each in tasks:
        formation.until_status(each, "completed")
    ups_and_downs = sorted((line["at"], 1 if line["what"] == "start" else -1) for line in formation.effects())
    running = [sum(step for _, step in ups_and_downs[: n + 1]) for n in range(len(ups_and_downs))]
    assert max(running) == TYPES["Narrow"].concurrency


def test_an_idle_worker_asks_less_than_once_a_second_and_is_woken_by_work(formation: Formation) -> None:
    """No daemon is up: nothing but the submission itself wakes it."""
    formation.worker()
    formation.until_idle(1)
    commands = _commands(formation, seconds=8)
    assert 0 < len(commands) < 8, commands
    for _ in range(3):
        formation.until_idle(1)
        submitted = time.monotonic()
        task_id = formation.submit("answer")
        assert formation.until_started(task_id)["at"] - submitted < LONGEST_SLEEP - 1  # it has just begun to sleep
        formation.until_status(task_id, "completed")
    assert formation.broker.tasks.stats(TENANT).total == 3


def _commands(formation: Formation, seconds: float) -> list[str]:
    """What others send in so much time, not what scripts call."""
    commands: list[tuple[str, str]] = []
    with formation.broker.redis.monitor() as monitor:
        time.sleep(seconds)
        formation.broker.redis.echo("enough")
        for each in monitor.listen():
            if each["command"] == "ECHO enough":
                return [command for port, command in commands if port != each["client_port"]]
            if each["client_type"] != "lua":
                commands.append((each["client_port"], each["command"]))
    return commands
