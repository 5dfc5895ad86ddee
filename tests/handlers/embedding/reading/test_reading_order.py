"""Guards the order of lines that were found in a picture: columns, tables, paragraphs, skewed or not."""

from collections.abc import Iterable
from typing import Any

import pytest

from tests.handlers.embedding.conftest import NEEDS

np = pytest.importorskip("numpy", reason=NEEDS)
reading_order = pytest.importorskip("handlers.embedding.reading.reading_order", reason=NEEDS)

HEIGHT = 20


def read(lines: Iterable[tuple[float, float, float, str]], degrees: float = 0.0) -> str:
    """Lines as (left, top, right, text), in whatever order they were found, of a page that is skewed."""
    placed = list(lines)[::-1]
    corners = np.array(
        [[(left, top), (right, top), (right, top + HEIGHT), (left, top + HEIGHT)] for left, top, right, _ in placed]
    )
    angle = np.radians(degrees)
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    text: str = reading_order.text_of(corners @ turn, [text for *_, text in placed])
    return text


def column(left: float, name: str, first: float = 100.0) -> list[Any]:
    return [(left, first + 30 * at, left + 400, f"{name} line number {at}") for at in range(6)]


def lines_of(name: str, numbers: Iterable[int] = range(6)) -> list[str]:
    return [f"{name} line number {at}" for at in numbers]


@pytest.mark.parametrize("degrees", [0.0, 3.0, -3.0])
def test_columns_are_read_one_after_the_other_below_their_heading(degrees: float) -> None:
    heading, footer = (0.0, 30.0, 900.0, "A heading over all of it"), (0.0, 300.0, 900.0, "And a footer")
    found = read([heading, *column(0, "left"), *column(430, "right"), footer], degrees)
    expected = ["A heading over all of it", *lines_of("left"), *lines_of("right"), "And a footer"]
    assert [line for line in found.split("\n") if line] == expected


def test_three_columns_are_three() -> None:
    found = read([*column(0, "first"), *column(430, "second"), *column(860, "third")])
    assert found.split("\n") == [*lines_of("first"), *lines_of("second"), *lines_of("third")]


def test_columns_below_a_heading_in_their_middle_do_not_mix_with_those_above_it() -> None:
    upper, lower = (
        [column(x, name) for x, name in ((0, "a"), (430, "b"))],
        [column(x, name, 400) for x, name in ((0, "c"), (430, "d"))],
    )
    found = read([*upper[0], *upper[1], (0.0, 330.0, 830.0, "A second heading"), *lower[0], *lower[1]])
    expected = [*lines_of("a"), *lines_of("b"), "A second heading", *lines_of("c"), *lines_of("d")]
    assert [line for line in found.split("\n") if line] == expected


@pytest.mark.parametrize("degrees", [0.0, 2.0])
def test_the_cells_of_a_table_stay_in_their_rows(degrees: float) -> None:
    rows = [("Tickets", "2", "48.00"), ("Cabin", "1", "30.00"), ("Car", "1", "75.50"), ("Dinner", "2", "31.00")]
    cells = [
        (300.0 * x, 100.0 + 30 * y, 300.0 * x + 120, cell) for y, row in enumerate(rows) for x, cell in enumerate(row)
    ]
    assert read(cells, degrees).split("\n") == [" ".join(row) for row in rows]


def test_paragraphs_are_apart() -> None:
    lines = [(0.0, 0.0, 500.0, "one"), (0.0, 30.0, 500.0, "two"), (0.0, 100.0, 500.0, "three")]
    assert read(lines) == "one\ntwo\n\nthree"


def test_a_single_line_is_itself() -> None:
    assert read([(0.0, 0.0, 90.0, "alone")], 5) == "alone"
