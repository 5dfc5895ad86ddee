"""Guards what a search process holds: many tenants by turns, and no more memory than it may."""

import tracemalloc
from uuid import uuid4

import pytest
from redis import Redis

from broker.engine.keys import Keys
from broker.media.vectors import RedisVectors

np = pytest.importorskip("numpy", reason="needs the extra embed")
index = pytest.importorskip("handlers.embedding.index.index", reason="needs the extra embed")
indexes = pytest.importorskip("handlers.embedding.index.indexes", reason="needs the extra embed")

DIMENSIONS = 64
#: Bytes of one tenant's index with 600 vectors.
ONE = 400_000


@pytest.fixture
def store(redis: Redis, keys: Keys):
    """Gives a tenant so many vectors."""
    vector = np.full(DIMENSIONS, DIMENSIONS**-0.5, "<f2").tobytes()

    def put(tenant: str, count: int) -> None:
        redis.hset(keys.vectors(tenant, "m"), mapping={str(uuid4()): b"image 1\n" + vector for _ in range(count)})

    return put


@pytest.fixture
def new_index(vectors: RedisVectors):
    return lambda tenant, model, dimensions: index.Index(vectors, tenant, model, dimensions)


def settled(tested, tenant: str):
    while (found := tested.ready(tenant, "m", DIMENSIONS)) is None:
        assert tested.work()
    return found


def test_the_memory_it_says_is_the_memory_it_takes(new_index, store) -> None:
    store("acme", 5000)
    read = new_index("acme", "m", DIMENSIONS)
    tracemalloc.start()
    try:
        while not read.advance():
            pass
        assert read.nbytes == pytest.approx(tracemalloc.get_traced_memory()[0], rel=0.25)
    finally:
        tracemalloc.stop()


def test_who_has_not_searched_for_longest_leaves_first(new_index, store) -> None:
    for tenant in "abc":
        store(tenant, 600)
    tested = indexes.Indexes(new_index, 2 * ONE + ONE // 2)
    a, b = settled(tested, "a"), settled(tested, "b")
    assert settled(tested, "a") is a
    settled(tested, "c")
    assert ONE < tested.nbytes <= 2 * ONE + ONE // 2
    assert settled(tested, "a") is a
    assert settled(tested, "b") is not b
    found = settled(tested, "b").ranking(np.ones(DIMENSIONS, np.float32), None).best(5)
    assert len({match.entity_id for match in found}) == 600


def test_tenants_of_little_are_bounded_too(new_index) -> None:
    tested = indexes.Indexes(new_index, 100_000)
    for number in range(1000):
        settled(tested, str(number))
    assert 50_000 < tested.nbytes <= 100_000


def test_one_that_is_larger_than_the_bound_is_searched_all_the_same(new_index, store) -> None:
    store("a", 600)
    tested = indexes.Indexes(new_index, 1000)
    assert settled(tested, "a") is settled(tested, "a")


def test_small_ones_do_not_wait_for_large_ones(new_index, store) -> None:
    store("large", 5000)
    store("middle", 180)
    store("small", 10)
    tested = indexes.Indexes(new_index, 100 * ONE)
    assert tested.ready("large", "m", DIMENSIONS) is None
    assert tested.ready("small", "m", DIMENSIONS) is not None
    assert tested.ready("middle", "m", DIMENSIONS) is None
    for _ in range(2):
        assert tested.work()
    assert tested.ready("middle", "m", DIMENSIONS) is not None
    assert tested.ready("large", "m", DIMENSIONS) is None
    assert settled(tested, "large") is not None
    assert not tested.work()


def test_one_that_is_given_up_while_it_is_read_is_read_again(new_index, store) -> None:
    for tenant in "ab":
        store(tenant, 180)
    tested = indexes.Indexes(new_index, ONE)
    assert tested.ready("a", "m", DIMENSIONS) is None
    settled(tested, "b")
    settled(tested, "a")


class Linking:
    """An index of so many bytes that becomes larger with each slice of its graphs."""

    is_new = False

    def __init__(self, tenant: str, model: str, dimensions: int) -> None:
        self.nbytes, self.linked = 400, 0

    def advance(self) -> bool:
        return True

    def link(self) -> bool:
        self.nbytes, self.linked = self.nbytes + 100, self.linked + 1
        return True


def test_graphs_have_those_leave_who_searched_longest_ago_and_nobody_for_the_sake_of_such() -> None:
    tested = indexes.Indexes(Linking, 1900)
    one, two, three = (tested.ready(tenant, "m", DIMENSIONS) for tenant in ("one", "two", "three"))
    for _ in range(10):
        assert tested.work()
    assert (one.linked, two.linked, three.linked) == (0, 0, 10)
    assert tested.nbytes == two.nbytes + three.nbytes == 1800  # the first has left
    three.link = lambda: False
    assert tested.work()
    assert not tested.work()  # more would have the last one leave
    assert two.linked == 1
    assert tested.ready("three", "m", DIMENSIONS) is three
