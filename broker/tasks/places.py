"""Places in lists of tasks, and the cursors that name them over HTTP."""

import base64
import binascii
import re
from enum import StrEnum
from typing import NamedTuple

from broker.clock import from_rfc3339
from broker.task import Task

#: The version of the form, the order, whether it is read backwards, the moment and the id.
_FORM = re.compile(r"1 (\S+) ([<>]) (-?[0-9.e+]{1,30}|) ([0-9a-f-]{36}|)", re.ASCII)


class Order(StrEnum):
    """In which tasks are listed; ties by id. What has not ended has no place in the order of ends."""

    NEWEST = "-created_at"
    OLDEST = "created_at"
    ENDED_LAST = "-completed_at"
    ENDED_FIRST = "completed_at"

    @property
    def by_end(self) -> bool:
        return self in (Order.ENDED_LAST, Order.ENDED_FIRST)

    @property
    def up(self) -> bool:
        return self in (Order.OLDEST, Order.ENDED_FIRST)


class Place(NamedTuple):
    """Between two tasks of a list: behind the one with this moment and id, or, read ``back``, before it."""

    order: Order
    back: bool = False
    #: As the scripts write it, and take it; empty for the beginning.
    moment: str = ""
    task_id: str = ""

    def cursor(self) -> str:
        """A short text for URLs."""
        text = f"1 {self.order} {'<' if self.back else '>'} {self.moment} {self.task_id}"
        return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def behind(task: Task) -> Place:
    """The place behind a task in the order of creation, newest first."""
    return Place(Order.NEWEST, False, str(from_rfc3339(task.created_at)), task.id)


def from_cursor(cursor: str) -> Place:
    """The place that a cursor names. Raises ``ValueError`` for what is none."""
    if len(cursor) > 200:
        raise ValueError("too long")
    try:
        text = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode("ascii")
    except (binascii.Error, UnicodeError) as error:
        raise ValueError("no base64") from error
    found = _FORM.fullmatch(text)
    if not found or bool(found[3]) != bool(found[4]):
        raise ValueError("no place")
    if found[3]:
        float(found[3])
    place = Place(Order(found[1]), found[2] == "<", found[3], found[4])
    if place.cursor() != cursor:
        raise ValueError("not as it was made")
    return place
