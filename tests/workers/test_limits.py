"""Guards limits over several worker processes on the server's own clock, and how little an idle worker asks."""

import time

from broker.clock import from_rfc3339
from tests.workers.harness import TENANT, Formation
from tests.workers.task_types import TYPES


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
        assert formation.until_started(task_id)["at"] - submitted < 2  # less than half of its longest sleep
        formation.until_status(task_id, "completed")
    assert formation.broker.stats(TENANT).total == 3


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
