"""Guards the exact scan: its answers are those of a plain calculation, whatever was added and removed before."""

from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

np = pytest.importorskip("numpy", reason="needs the extra media")
matrix = pytest.importorskip("handlers.embedding.matrix", reason="needs the extra media")

DIMENSIONS = 3


@pytest.fixture(scope="module", autouse=True)
def _small_blocks() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(matrix, "_BLOCK_ROWS", 50)
        yield


steps = st.lists(st.tuples(st.booleans(), st.integers(0, 30), st.integers(1, 40)), max_size=40)


def plain(rows: dict[str, "np.ndarray"], query: "np.ndarray") -> list[tuple[float, str]]:
    return sorted(((float((parts @ query).max()), name) for name, parts in rows.items()), reverse=True)


@settings(deadline=None, max_examples=60)
@given(steps, st.integers(1, 10), st.integers(0, 2**31))
def test_every_live_entity_comes_once_best_first_by_its_best_row(
    steps: list[tuple[bool, int, int]], few: int, seed: int
) -> None:
    random = np.random.default_rng(seed)
    tested = matrix.Matrix(DIMENSIONS)
    rows: dict[str, np.ndarray] = {}
    for adds, number, count in steps:
        name = f"entity {number}"
        if name in rows:
            tested.remove(name)
            del rows[name]
        if adds:
            rows[name] = random.standard_normal((count, DIMENSIONS)).astype(np.float32)
            tested.add([name], [count], rows[name])
    query = random.standard_normal(DIMENSIONS).astype(np.float32)
    found = list(tested.best(query, few))
    expected = plain(rows, query)
    assert [name for _, name in found] == [name for _, name in expected]
    assert [score for score, _ in found] == pytest.approx([score for score, _ in expected], abs=1e-5)


def test_removed_rows_do_not_pile_up() -> None:
    tested = matrix.Matrix(DIMENSIONS)
    row = np.ones((1, DIMENSIONS), np.float32)
    for number in range(10_000):
        tested.add([str(number)], [1], row)
        if number >= 5:
            tested.remove(str(number - 5))
    assert tested.nbytes < 100_000
    assert {name for _, name in tested.best(row[0], 5)} == {"9995", "9996", "9997", "9998", "9999"}
