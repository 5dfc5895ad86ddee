"""Columns that fit the terminal: what is too wide goes below its row; on the narrowest, each row stands downwards."""

import unicodedata
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import click

_GAP = "  "
#: Cells that the last column needs to stay beside the others.
_LEAST = 24


class Column(NamedTuple):
    """A heading; numbers stand to the right."""

    title: str
    right: bool = False


def lines(columns: Sequence[Column], rows: Sequence[Sequence[str]], width: int, below: int = 1) -> Iterator[str]:
    """The table's lines. Of columns that would not fit, the last go below their row, ``below`` at most, each on a line
    of its own; a still narrower terminal gets each row as a list of names and values. Cells may be styled.
    """
    widths = [max(cells(text) for text in column) for column in zip([c.title for c in columns], *rows, strict=True)]
    needed, rest = _sum(widths), _sum(widths[:-1])
    if needed <= width or (rest + len(_GAP) + _LEAST <= width and not columns[-1].right):
        yield from _side_by_side(columns, rows, widths, width - rest - len(_GAP))
        return
    for number in range(1, below + 1):
        if _sum(widths[:-number]) <= width and not any(each.right for each in columns[-number:]):
            yield from _last_below(columns, rows, widths, number)
            return
    yield from _downwards(columns, rows)


def cells(text: str) -> int:
    """How many cells of a terminal a text takes."""
    return sum(_cells(each) for each in click.unstyle(text))


def cut(text: str, width: int) -> str:
    """A text of at most so many cells, with an ellipsis where some is missing; then without its style."""
    if cells(text) <= width:
        return text
    kept, used = "", 1
    for each in click.unstyle(text):
        used += _cells(each)
        if used > width:
            break
        kept += each
    return f"{kept}…"


def _cells(character: str) -> int:
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def _sum(widths: Sequence[int]) -> int:
    return sum(widths) + len(_GAP) * max(0, len(widths) - 1)


def _side_by_side(
    columns: Sequence[Column], rows: Sequence[Sequence[str]], widths: Sequence[int], last: int
) -> Iterator[str]:
    yield _row(columns, [click.style(column.title, dim=True) for column in columns], widths)
    for row in rows:
        end = row[-1] if columns[-1].right else cut(row[-1], last)
        yield _row(columns, [*row[:-1], end], widths)


def _last_below(
    columns: Sequence[Column], rows: Sequence[Sequence[str]], widths: Sequence[int], number: int
) -> Iterator[str]:
    beside = columns[:-number]
    yield _row(beside, [click.style(column.title, dim=True) for column in beside], widths)
    for row in rows:
        yield _row(beside, row[:-number], widths)
        yield from (f"{_GAP}{cell}" for cell in row[-number:] if cell)


def _downwards(columns: Sequence[Column], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    for row in rows:
        yield row[0]
        for column, value in zip(columns[1:], row[1:], strict=True):
            if value not in ("", "-"):
                yield f"{_GAP}{click.style(column.title.lower(), dim=True)} {value}"


def _row(columns: Sequence[Column], row: Sequence[str], widths: Sequence[int]) -> str:
    padded = []
    for column, text, width in zip(columns, row, widths, strict=False):
        space = " " * (width - cells(text))
        padded.append(space + text if column.right else text + space)
    return _GAP.join(padded).rstrip()
