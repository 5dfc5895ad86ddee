"""Guards what is recorded of each type every ten seconds, from the registries, once however many daemons run."""

import pytest

from broker.forecast.history import History, Quantiles, Row
from broker.forecast.reading import queues_of
from broker.forecast.sampling import Sampler
from broker.status import ENDS
from tests.broker.engine.engine import SECOND, START, Engine

#: A beginning of ten seconds.
ZERO = START // SECOND // 10 * 10 + 10


class Clocked(Sampler):
    """Reads the test's clock."""

    def _seconds(self) -> int:
        return int(self._redis.get("test:now")) // SECOND


@pytest.fixture
def sampler(engine: Engine) -> Sampler:
    engine.now = ZERO * SECOND
    return Clocked(engine.redis, engine.keys)


def rows(engine: Engine, sampler: Sampler) -> dict[str, Row]:
    return sampler.rows(queues_of(engine.redis, engine.keys, ["Noop", "Other"]))


def test_ten_seconds_of_a_type(engine: Engine, sampler: Sampler) -> None:
    assert rows(engine, sampler) == {}  # the first look has nothing to compare with
    for priority in (0, 0, 0, 4):
        engine.submit(priority=priority)
    engine.store.cancel("task-3", "acme", force=False)
    engine.advance(2)
    good, bad = engine.start("w1"), engine.start("w2")
    engine.advance(3)
    engine.finish(good)
    engine.fail(bad)
    engine.advance(1)
    engine.start("w1")
    engine.advance(4)
    (found,) = rows(engine, sampler).items()
    wait, run = Quantiles(2.0, 2.0), Quantiles(3.0, 3.0)
    assert found == ("Noop", Row(ZERO, 3, dict.fromkeys(ENDS, 1), wait, run, {0: 3, 4: 1}, {"acme": 4}))


def test_who_submitted_how_many(engine: Engine, sampler: Sampler) -> None:
    engine.now = (ZERO - 3) * SECOND
    engine.submit(tenant="before")
    engine.now = ZERO * SECOND
    rows(engine, sampler)
    for tenant, count in (("acme", 3), ("rival", 1)):
        for _ in range(count):
            engine.submit(tenant=tenant)
    engine.finish(engine.start())
    engine.advance(10)
    assert rows(engine, sampler)["Noop"].tenants == {"acme": 3, "rival": 1}


def test_nothing_happened_is_no_row(engine: Engine, sampler: Sampler) -> None:
    engine.submit()
    rows(engine, sampler)
    engine.advance(10)
    assert rows(engine, sampler) == {}


def test_what_waits_and_runs_on_is_not_counted_again(engine: Engine, sampler: Sampler) -> None:
    engine.submit()
    engine.submit()
    engine.start()
    rows(engine, sampler)
    engine.advance(10)
    engine.submit()
    engine.advance(10)
    assert rows(engine, sampler) == {}  # one look was left out: of what, nobody knows
    engine.submit()
    engine.advance(10)
    (row,) = rows(engine, sampler).values()
    assert (row.started, dict(row.arrived)) == (0, {0: 1})


class TestRows:
    ROW = Row(
        ZERO,
        5,
        {"completed": 4, "failed": 1, "cancelled": 0},
        Quantiles(0.5, 2.0),
        None,
        {0: 3, 10: 2},
        {"acme": 4, "rival": 1},
    )

    @pytest.fixture
    def history(self, engine: Engine) -> History:
        return History(engine.redis, engine.keys)

    def test_they_are_read_as_they_were_written(self, history: History) -> None:
        later = Row(ZERO + 10, 1)
        history.write("Noop", self.ROW)
        history.write("Noop", later)
        assert history.read("Noop", ZERO, ZERO + 11) == [self.ROW, later]
        assert history.read("Noop", ZERO + 1, ZERO + 10) == []
        assert history.read("Other", 0, ZERO + 11) == []

    def test_the_second_daemon_changes_nothing(self, history: History) -> None:
        history.write("Noop", self.ROW)
        history.write("Noop", Row(ZERO, 99))
        assert history.read("Noop", ZERO, ZERO + 10) == [self.ROW]

    def test_eight_days_are_kept(self, history: History) -> None:
        """So that there is a last Tuesday on every day."""
        for hours in range(0, 300):
            for step in range(20):
                history.write("Noop", Row(ZERO + hours * 3600 + step * 10, 1))
        kept = history.read("Noop", 0, ZERO + 10**7)
        assert 8 * 24 * 20 <= len(kept) <= 8 * 24 * 20 + 200
        assert kept[-1].at == ZERO + 299 * 3600 + 190

    def test_a_row_of_an_older_release_names_nobody(self, history: History, engine: Engine) -> None:
        engine.redis.xadd(engine.keys.history("Noop"), {"row": '[5,4,1,0,[0.5,2.0],null,{"0":3}]'}, id=f"{ZERO}000-0")
        (row,) = history.read("Noop", ZERO, ZERO + 10)
        assert (row.arrived, row.tenants) == ({0: 3}, {})

    def test_arrivals_are_those_of_the_last_minutes(self, history: History) -> None:
        now = history.now()
        for seconds, count in ((400, 600), (200, 30), (20, 60)):
            history.write("Noop", Row((now - seconds) // 10 * 10, arrived={3: count}))
        assert history.arrivals(["Noop", "Other"]) == {"Noop": {3: 0.3}, "Other": {}}
