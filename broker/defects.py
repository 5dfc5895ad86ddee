"""What is wrong with what was sent: the first defects, and how many more there are."""

from collections.abc import Iterable, Iterator
from itertools import islice, repeat
from typing import Any

#: ``{"pointer": JSON pointer (RFC 6901) or the name of a query parameter, header or part, "detail": text}``
Defect = dict[str, str]

#: Defects that are told one by one; of more, people read none.
MAX_DEFECTS = 20
#: Characters of a defect: whoever sends a name of a megabyte does not get it back.
_MAX_POINTER, _MAX_DETAIL = 200, 500


class Unnamed(int):
    """Among marshmallow's messages: so many more members are unknown than those that are named."""

    def __str__(self) -> str:
        return f"{int(self)} more unknown fields."


def pointers(messages: Any, prefix: str) -> Iterator[Defect]:
    """The defects that marshmallow's nested messages tell, one after the other."""
    if isinstance(messages, dict):
        for key, value in messages.items():
            yield from pointers(value, prefix + _token(key))
    elif isinstance(messages, list):
        for value in messages:
            yield from pointers(value, prefix)
    else:
        times = messages if isinstance(messages, Unnamed) else 1
        yield from repeat({"pointer": prefix, "detail": str(messages)}, times)


def first(defects: Iterable[Defect]) -> tuple[list[Defect], int]:
    """The first ``MAX_DEFECTS``, cut to a readable length, and how many follow."""
    found = iter(defects)
    return [_cut(each) for each in islice(found, MAX_DEFECTS)], sum(1 for _ in found)


def _token(key: Any) -> str:
    return "" if key == "_schema" else "/" + str(key).replace("~", "~0").replace("/", "~1")


def _cut(defect: Defect) -> Defect:
    return {"pointer": _short(defect["pointer"], _MAX_POINTER), "detail": _short(defect["detail"], _MAX_DETAIL)}


def _short(text: str, most: int) -> str:
    """The beginning of a text, without half of an escape (``~0``, ``~1``) of a pointer."""
    return text if len(text) <= most else text[:most].rstrip("~") + "..."
