"""What a change would do, by the API's model: before and after, side by side."""

from collections.abc import Iterator
from typing import Any

from scripts.cli.table import Column
from scripts.cli.words import clean, duration

COLUMNS = [
    Column("QUEUE"),
    Column("TASKS", right=True),
    Column("STARTED"),
    Column("BEFORE", right=True),
    Column("AFTER", right=True),
]
#: What is told of a type's tasks: the words, and the members of an outlook.
_TOLD = (("half, within", "wait", "p50"), ("9 of 10, within", "wait", "p90"), ("the last, after", "drained", "p50"))

Row = tuple[str, str, str, str, str]


def rows(answer: dict[str, Any], type_name: str) -> list[Row]:
    """Of the type and of all others that the change makes a difference to; a type without tasks has none."""
    then = {each["type"]: each["total"] for each in answer["after"]}
    return [
        row
        for each in answer["before"]
        if each["total"]["tasks"] and (each["type"] == type_name or each["total"] != then[each["type"]])
        for row in _of_type(each["type"], each["total"], then[each["type"]])
    ]


def _of_type(name: str, before: dict[str, Any], after: dict[str, Any]) -> Iterator[Row]:
    first = clean(name), str(before["tasks"])
    for words, member, part in _TOLD:
        yield *first, words, _span(before[member], part), _span(after[member], part)
        first = "", ""


def _span(spans: dict[str, float] | None, part: str) -> str:
    return duration(spans[part]) if spans else "never"
