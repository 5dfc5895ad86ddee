"""Settings that hold several values."""

from typing import Any

from marshmallow import fields


class Listed(fields.List[Any]):
    """A list, written in an environment variable with commas between its values."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **options: Any) -> list[Any]:
        parts = [part.strip() for part in value.split(",")] if isinstance(value, str) else value
        found: list[Any] = super()._deserialize(parts, attr, data, **options)
        return found
