"""The one reader of the environment: all values, or all that is wrong with them."""

from collections.abc import Mapping, Sequence
from typing import Any

from marshmallow import Schema, ValidationError

from broker.environment.variables import Variables

#: Characters of a bad value that are shown.
_SHOWN = 80


class BadSettings(ValueError):
    """``problems`` has one line for each thing that is wrong, which says what to do."""

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = list(problems)
        super().__init__("\n".join(problems))


def read(environ: Mapping[str, str], schema: Schema | None = None, required: Sequence[str] = ()) -> dict[str, Any]:
    """The values of all declared variables, by name; defaults where they are unset or empty.

    Raises ``BadSettings``, also when one that is ``required`` is not there.
    """
    schema = schema or Variables()
    given = {name: environ[name] for name in schema.fields if environ.get(name, "").strip()}
    problems: dict[str, list[str]] = {name: [_unset(name, schema)] for name in required if name not in given}
    try:
        values: dict[str, Any] = schema.load(given)
    except ValidationError as error:
        for name, messages in error.normalized_messages().items():
            problems[name] = [_line(name, given.get(name), schema, message) for message in messages]
    if problems:
        raise BadSettings([line for name in schema.fields for line in problems.get(name, ())])
    return values


def read_one(environ: Mapping[str, str], name: str) -> Any:
    """The value of one declared variable. Raises ``BadSettings``, whatever may be wrong with others."""
    return read(environ, Variables(only=(name,)))[name]


def _unset(name: str, schema: Schema) -> str:
    return f"{name} is not set: {schema.fields[name].unset}"  # type: ignore[attr-defined]


def _line(name: str, text: str | None, schema: Schema, message: str) -> str:
    if text is None or schema.fields[name].secret:  # type: ignore[attr-defined]
        return f"{name}: {message}"
    return f"{name}={shown(text)!r}: {message}"


def shown(text: str) -> str:
    """What a line has of a value."""
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."
