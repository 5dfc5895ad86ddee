"""Guards the exact scan: its answers are those of a plain calculation, whatever was added and removed before."""

from collections.abc import Iterator
from math import inf, nextafter
from threading import Barrier, current_thread
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

np = pytest.importorskip("numpy", reason="needs the extra media")
block = pytest.importorskip("handlers.embedding.index.block", reason="needs the extra media")
parallel = pytest.importorskip("handlers.embedding.index.parallel", reason="needs the extra media")
matrix = pytest.importorskip("handlers.embedding.index.matrix", reason="needs the extra media")
products = pytest.importorskip("handlers.embedding.index.products", reason="needs the extra media")
scan = pytest.importorskip("handlers.embedding.index.scan", reason="needs the extra media")

DIMENSIONS = 5
PLAIN = scan.Scales(scan.Scale(1.0, 0.0), scan.Scale(1.0, 0.0))
KINDS = scan.Scales(scan.Scale(12.5, -3.0), scan.Scale(20.0, -4.5))


@pytest.fixture(scope="module", autouse=True)
def _small_blocks() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(block, "_BLOCK_ROWS", 50)
        yield


steps = st.lists(st.tuples(st.booleans(), st.integers(0, 30), st.integers(1, 40)), max_size=40)
Rows = dict[str, tuple[Any, Any]]


def numbers(random: Any, shape: Any) -> Any:
    """Of few bits, so that equal sums are common and every sum is exact in double precision."""
    return random.integers(-3, 4, shape) / 4


def filled(steps: list[tuple[bool, int, int]], random: Any) -> tuple[Any, Rows]:
    """A matrix, and what is in it: rows, and which of them are of pictures."""
    tested, rows = matrix.Matrix(DIMENSIONS), Rows()
    for adds, number, count in steps:
        name = f"entity {number}"
        if name in rows:
            tested.remove(name)
            del rows[name]
        if adds:
            rows[name] = numbers(random, (count, DIMENSIONS)), random.integers(2, size=count).astype(bool)
            tested.add([name], [count], rows[name][0].astype(np.float16), rows[name][1])
    return tested, rows


def scored(rows: Rows, query: Any, scales: Any, worth: float = 0.0) -> list[tuple[float, float, str]]:
    """The best (score, cosine, name) of each, best first."""
    found = []
    for name, (parts, shown) in rows.items():
        cosines = (parts @ query.astype(np.float64)).tolist()
        factors = [scales.pictures if each else scales.texts for each in shown]
        pairs = zip(cosines, factors, strict=True)
        found.append((*max((by.factor * (cosine + worth) + by.addend, cosine) for cosine, by in pairs), name))
    return sorted(found, reverse=True)


def almost_equal_query(random: Any) -> Any:
    """Whose values half precision and rounded sums confuse with each other."""
    return (numbers(random, DIMENSIONS) + random.integers(-8, 9, DIMENSIONS) / 2**20).astype(np.float32)


@pytest.mark.parametrize("by_kernel", [True, False])
@pytest.mark.parametrize("scales", [PLAIN, KINDS])
@settings(deadline=None, max_examples=60)
@given(steps, st.integers(1, 10), st.integers(0, 2**31))
def test_every_live_entity_comes_once_best_first_by_its_best_row(
    by_kernel: bool, scales: Any, steps: list[tuple[bool, int, int]], few: int, seed: int
) -> None:
    """Nearly equal ones too, and equal ones by their names, whatever the fast products make of them."""
    random = np.random.default_rng(seed)

    def careless(block: Any, query: Any) -> Any:
        exact = query.exact(block.values_of(np.arange(len(block.shown()))))
        off = 0.9 * query.uncertainty(block.longest, block.lost)
        return (exact + off * random.choice([-1, 1], len(exact))).astype(np.float32)

    with pytest.MonkeyPatch.context() as patch:
        if not by_kernel:
            patch.setattr(block.Block, "fast", careless)
        tested, rows = filled(steps, random)
        query = almost_equal_query(random)
        lifted = set(list(rows)[:3])
        scanned = scan.Scan(tested, query, scales, dict.fromkeys([*lifted, "nobody"], 0.25), doubt=0.5)
        expected = scored({name: each for name, each in rows.items() if name not in lifted}, query, scales)
        expected = [(score - 0.5, cosine, name) for score, cosine, name in expected]
        found = [tuple(each) for each in scanned.best(few)]
        assert [name for _, _, name in found] == [name for _, _, name in expected]
        assert [each[:2] for each in found] == [pytest.approx(each[:2], abs=1e-12) for each in expected]
        raised = scored({name: rows[name] for name in lifted}, query, scales, 0.25)
        assert sorted(map(tuple, scanned.lifted()), reverse=True) == [
            (pytest.approx(score), pytest.approx(cosine), name) for score, cosine, name in raised
        ]
        for threshold in {score for score, _, _ in found[:5]}:
            for least in (threshold, nextafter(threshold, inf)):
                many = scanned.count(least, lambda score, least=least: score >= least)
                assert many == sum(score >= least for score, _, _ in found)


@pytest.mark.parametrize("dimensions", [1, 3, 384, 771])
def test_fast_products_are_as_near_as_is_said(dimensions: int) -> None:
    """Those of the largest bytes and digits too, which not every CPU can add up in its registers."""
    random = np.random.default_rng(dimensions)
    rows = np.concatenate(
        [
            random.standard_normal((500, dimensions)) * 10.0 ** random.integers(-4, 3, (500, 1)),
            np.ones((2, dimensions)) * [[1], [-1]],
            random.choice([-1, 1], (20, dimensions)),
            np.zeros((1, dimensions)),
        ]
    ).astype(np.float16)
    codes, sums, steps, lengths, lost = products.coded(rows)
    columns = np.asfortranarray(codes)
    wide = rows.astype(np.longdouble)
    for vector in (random.standard_normal(dimensions), np.ones(dimensions), -wide[502], np.zeros(dimensions)):
        query = products.Query(vector.astype(np.float32))
        exact = wide @ vector.astype(np.float32).astype(np.longdouble)
        found = query.fast(columns, sums, steps)
        for row, length in enumerate(lengths):
            off = query.uncertainty(float(length), float(lost[row])) + 2.0**-20 * float(length) * query.length
            assert abs(found[row] - exact[row]) <= off
        assert np.abs(query.exact(rows) - exact).max() <= 1e-12 * max(1, np.abs(exact).max())


def test_every_value_is_multiplied_as_it_is() -> None:
    """The smallest too, which some conversions take for zero."""
    values = np.arange(2**16, dtype=np.uint16).view(np.float16)
    rows = values[np.isfinite(values)][:, np.newaxis]
    products_with_one = products.Query(np.ones(1, np.float32)).exact(rows)
    assert (products_with_one == rows[:, 0].astype(np.float64)).all()


def test_no_block_is_copied_to_be_multiplied(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether it grows, is full, was reserved or gathered: a copy takes longer than the product."""
    random = np.random.default_rng(3)
    rows = random.standard_normal((60, DIMENSIONS)).astype(np.float16)
    blocks = [block.Block(DIMENSIONS) for _ in range(2)]
    for each, size in zip(blocks, (20, 50), strict=True):
        for at in range(size):
            each.add([str(at)], [1], rows[at : at + 1], np.zeros(1, bool))
    layout, _ = blocks[0].layout(1)
    blocks.append(block.Block.reserved(DIMENSIONS, layout))
    blocks[2].fill(np.arange(20), rows[:20])
    blocks.append(block.Block.gathered(DIMENSIONS, [(blocks[0], np.arange(3, 9)), (blocks[1], np.arange(7))]))
    taken: list[Any] = []
    fast = products.Query.fast
    monkeypatch.setattr(products.Query, "fast", lambda query, *of: taken.append(of[0]) or fast(query, *of))
    query = products.Query(random.standard_normal(DIMENSIONS).astype(np.float32))
    for each in blocks:
        exact = query.exact(each.values_of(np.arange(len(each))))
        assert each.fast(query) == pytest.approx(exact, abs=query.uncertainty(each.longest, each.lost) + 1e-5)
    assert len(taken) == 4
    assert all(codes.flags.f_contiguous for codes in taken)


def test_rows_that_hardly_differ_are_told_apart() -> None:
    """In the last place of one value, among many of a usual length."""
    random = np.random.default_rng(1)
    rows = random.standard_normal((3000, 384))
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    query = (rows[0] + 0.02 * rows[1]).astype(np.float32)
    rows = rows.astype(np.float16)
    near = np.repeat(rows[:1], 500, axis=0)
    near[np.arange(500), random.integers(384, size=500)] += np.float16(2.0**-12)
    rows = np.concatenate([rows, near])
    tested = matrix.Matrix(384)
    for at in range(0, len(rows), 100):
        some = rows[at : at + 100]
        tested.add([f"{at + each:04}" for each in range(len(some))], [1] * len(some), some, np.ones(len(some), bool))
    exact = rows.astype(np.longdouble) @ query.astype(np.longdouble)
    order = sorted(range(len(rows)), key=lambda at: (round(float(exact[at]), 14), at), reverse=True)
    found = list(scan.Scan(tested, query, PLAIN).best(20))
    assert [int(each.entity_id) for each in found] == order
    assert [each.similarity for each in found] == pytest.approx(exact[order].astype(float).tolist(), abs=1e-12)


def test_no_more_is_compared_again_than_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    tested = matrix.Matrix(2)
    rows = np.array([[1 - at / 200, 0.0] for at in range(64)], np.float16)
    tested.add([str(at) for at in range(64)], [1] * 64, rows, np.zeros(64, bool))
    compared: list[int] = []
    exact = products.Query.exact
    monkeypatch.setattr(products.Query, "exact", lambda query, rows: compared.append(len(rows)) or exact(query, rows))
    found = scan.Scan(tested, np.array([1.0, 0.0], np.float32), PLAIN).best(6)
    assert [next(found).entity_id for _ in range(6)] == list("012345")
    assert compared == [6]


def test_blocks_are_compared_by_several_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    """Which a search with nothing beside it gains by."""
    tested, random, meeting = matrix.Matrix(DIMENSIONS), np.random.default_rng(2), Barrier(2)
    rows = random.standard_normal((400, DIMENSIONS)).astype(np.float16)
    for at in range(len(rows)):
        tested.add([f"{at:03}"], [1], rows[at : at + 1], np.zeros(1, bool))
    threads = set()
    fast = block.Block.fast

    def met(self: Any, query: Any) -> Any:
        if current_thread() not in threads:
            threads.add(current_thread())
            meeting.wait(10)
        return fast(self, query)

    monkeypatch.setattr(block.Block, "fast", met)
    monkeypatch.setattr(scan, "_parallel", lambda: parallel.Parallel(1))
    query = random.standard_normal(DIMENSIONS).astype(np.float32)
    best = [int(each.entity_id) for each in scan.Scan(tested, query, PLAIN).best(10)][:10]
    assert best == np.argsort(-(rows.astype(np.float64) @ query))[:10].tolist()
    assert len(threads) == 2


def test_a_vector_that_is_broken_does_not_break_others() -> None:
    tested = matrix.Matrix(2)
    rows = np.array([[np.nan, 1.0], [1.0, 0.0], [np.inf, 0.0]], np.float16)
    tested.add(["a", "b", "c"], [1, 1, 1], rows, np.zeros(3, bool))
    found = scan.Scan(tested, np.array([1.0, 0.0], np.float32), PLAIN).best(1)
    assert [(each.entity_id, each.similarity) for each in found] == [("b", 1.0), ("c", 0.0), ("a", 0.0)]


def test_removed_rows_do_not_pile_up() -> None:
    tested = matrix.Matrix(DIMENSIONS)
    row = np.ones((1, DIMENSIONS), np.float32)
    for number in range(10_000):
        tested.add([str(number)], [1], row, np.zeros(1, bool))
        if number >= 5:
            tested.remove(str(number - 5))
    assert tested.nbytes < 100_000
    left = {each.entity_id for each in scan.Scan(tested, row[0], PLAIN).best(5)}
    assert left == {"9995", "9996", "9997", "9998", "9999"}
