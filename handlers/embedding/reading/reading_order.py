"""Lines that were found in a picture, in the order in which a reader takes them: row by row, or column by column."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

#: Lines that a column of prose has at least, and letters of most of them: what is shorter are the cells of a table.
_FEWEST_LINES, _FEWEST_LETTERS = 4, 12
#: Part of the lines that may cross the gap between two columns: headings over both.
_CROSSING = 0.2
#: Heights of a line without any text, from which on it is the space between two paragraphs.
_PARAGRAPH = 1.0


class Line(NamedTuple):
    """Where a line of text stands, in pixels of the picture as it is held upright."""

    left: float
    top: float
    right: float
    bottom: float
    text: str

    @property
    def middle(self) -> float:
        return (self.top + self.bottom) / 2


def text_of(corners: NDArray[np.floating], texts: Sequence[str]) -> str:
    """One text of lines: a line for each row of them, and an empty one between paragraphs.

    ``corners``: (lines, 4, 2), x and y of each line's corners, clockwise from the upper left.
    """
    return _joined(_rows(_columns(_lines(corners, texts))))


def _lines(corners: NDArray[np.floating], texts: Sequence[str]) -> list[Line]:
    """As they stand when the whole is turned by what most of them are skewed."""
    along = corners[:, 1] - corners[:, 0]
    angle = np.median(np.arctan2(along[:, 1], along[:, 0]))
    turned = corners @ np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    edges = zip(*turned.min(axis=1).T.tolist(), *turned.max(axis=1).T.tolist(), texts, strict=True)
    return [Line(*each) for each in edges]


def _columns(lines: list[Line]) -> list[list[Line]]:
    """Stretches of lines, one behind the other, none of which has columns."""
    gap = _gap(lines)
    if gap is None:
        return [lines]
    stretches: list[list[Line]] = []
    left: list[Line] = []
    right: list[Line] = []
    for line in sorted(lines, key=lambda each: each.middle):
        if line.right <= gap:
            left.append(line)
        elif line.left >= gap:
            right.append(line)
        else:  # a heading over both
            stretches += [*_columns(left), *_columns(right), [line]]
            left, right = [], []
    return [each for each in (*stretches, *_columns(left), *_columns(right)) if each]


def _gap(lines: list[Line]) -> float | None:
    """Where, from left to right, a column ends that has another one beside it."""
    best: tuple[int, float] | None = None
    for at in {line.left for line in lines}:
        left = [line for line in lines if line.right <= at]
        right = [line for line in lines if line.left >= at]
        crossing = len(lines) - len(left) - len(right)
        fits = crossing <= _CROSSING * len(lines) and _is_prose(left) and _is_prose(right)
        if fits and (best is None or (crossing, at) < best):
            best = crossing, at
    return best[1] if best else None


def _is_prose(lines: list[Line]) -> bool:
    long = sum(len(line.text) >= _FEWEST_LETTERS for line in lines)
    return len(lines) >= _FEWEST_LINES and 2 * long > len(lines)


def _rows(stretches: list[list[Line]]) -> list[list[Line]]:
    """What stands side by side, from top to bottom of each stretch."""
    rows: list[list[Line]] = []
    for lines in stretches:
        row: list[Line] = []
        for line in sorted(lines, key=lambda each: each.middle):
            if row and line.middle - row[0].middle > (row[0].bottom - row[0].top) / 2:
                rows.append(sorted(row))
                row = []
            row.append(line)
        rows.append(sorted(row))
    return [row for row in rows if row]


def _joined(rows: list[list[Line]]) -> str:
    text = ""
    above: Line | None = None
    for row in rows:
        first = row[0]
        if above:
            space = first.top - above.bottom
            text += "\n\n" if space > _PARAGRAPH * min(first.bottom - first.top, above.bottom - above.top) else "\n"
        text += " ".join(line.text for line in row)
        above = first
    return text
