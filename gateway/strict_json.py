"""JSON as RFC 8259 and RFC 7493 (I-JSON) mean it: what Python would let through or choke on is refused."""

import json
import math
import re
from typing import Any, NoReturn

from broker.errors import TaskBrokerError, TooLarge

#: Deeper values are refused: reading a stored one back recurses, and could exhaust the stack.
MAX_DEPTH = 64
#: More values are refused unread: what each costs, in memory and in what may be said of it, is many times its length.
MAX_VALUES = 100_000
#: What tells how many there are: a string, which hides what is in it, an empty container, and what values stand behind.
_MARK = re.compile(r'"(?:[^"\\]++|\\.)*+"?|\[\s*+\]|\{\s*+\}|[,\[{]', re.DOTALL)
#: Python would refuse more than 4,300 digits in a message of its own.
_MAX_DIGITS = 1000


class InvalidJson(TaskBrokerError):
    """The body is not valid JSON."""

    code, status = "invalid_json", 400


def parse(body: bytes) -> Any:
    """The value of a JSON text. Raises ``InvalidJson``, and ``TooLarge`` above ``MAX_VALUES``.

    Refused beyond what ``json.loads`` refuses: ``NaN`` and infinities, numbers too large for a double, integers of
    more than a thousand digits, repeated member names, lone surrogates, and nesting deeper than ``MAX_DEPTH``.
    """
    try:
        text = body.decode("utf-8")
        if text.startswith("\ufeff"):
            raise json.JSONDecodeError("Unexpected UTF-8 BOM (decode using utf-8-sig)", text, 0)
        _check_number(text)
        value = _decode(text)
        if "\\u" in text:  # only an escape can be half of a surrogate pair
            json.dumps(value, ensure_ascii=False).encode("utf-8")
    except RecursionError:
        raise _too_deep() from None
    except json.JSONDecodeError as error:
        raise InvalidJson(
            f"The body is not valid JSON: {error.msg}, line {error.lineno} column {error.colno}."
        ) from None
    except UnicodeError:
        raise InvalidJson("The body is not valid UTF-8, or has half of a surrogate pair.") from None
    except ValueError as error:
        raise InvalidJson(f"The body is not valid JSON: {error}.") from None
    if text.count("[") + text.count("{") >= MAX_DEPTH:
        _check_depth(value)
    return value


def _check_number(text: str) -> None:
    """Each value but the first stands behind a comma or an opening bracket, and each string is one or a name of one."""
    if text.count(",") + text.count("[") + text.count("{") < MAX_VALUES:
        return
    values, strings = 1, 0
    for mark in _MARK.finditer(text):
        if text[mark.start()] == '"':
            strings += 1
        elif mark.end() - mark.start() == 1:
            values += 1
        if values > MAX_VALUES or strings > 2 * MAX_VALUES:
            raise TooLarge(f"The body has more than {MAX_VALUES} JSON values; send it in parts.")


def _integer(text: str) -> int:
    if len(text) > _MAX_DIGITS:
        raise ValueError(f"a number has more than {_MAX_DIGITS} digits")
    return int(text)


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError("a number is too large")
    return value


def _no_constant(text: str) -> NoReturn:
    raise ValueError(f"{text} is no JSON number")


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) < len(pairs):
        raise ValueError("an object has two members of one name")
    return members


#: Made once: ``json.loads`` with options makes a decoder at each call.
_decode = json.JSONDecoder(
    parse_int=_integer, parse_float=_finite, parse_constant=_no_constant, object_pairs_hook=_members
).decode


def _check_depth(value: Any) -> None:
    level = [value]
    for _ in range(MAX_DEPTH):
        level = [child for each in level for child in _children(each)]
        if not level:
            return
    raise _too_deep()


def _children(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return list(value.values())
    return value if isinstance(value, list) else []


def _too_deep() -> InvalidJson:
    return InvalidJson(f"The body is nested deeper than {MAX_DEPTH} levels.")
