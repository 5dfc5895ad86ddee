"""What the schemas of payloads and of the API have in common."""

from contextlib import suppress
from typing import Any

import marshmallow
from marshmallow import ValidationError, missing


class Schema(marshmallow.Schema):
    """A schema that loads a valid object at the price of the members that it has.

    marshmallow asks every field about every object, also those of which nothing is there, each in a function of its own
    that keeps its complaint. Here they are asked without; at the first complaint marshmallow starts over and tells all.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        #: For each member: its name, its field, the name that its value gets, and whether its absence means nothing.
        self._members = [
            (
                field.data_key or name,
                field,
                field.attribute or name,
                not field.required and field.load_default is missing,
            )
            for name, field in self.load_fields.items()
        ]
        self._names = {name for name, *_ in self._members}

    def _deserialize(self, data: Any, *, many: bool = False, partial: Any = None, **options: Any) -> Any:
        if isinstance(data, dict) and not many and partial is None and data.keys() <= self._names:
            with suppress(ValidationError):
                return self._members_of(data)
        return super()._deserialize(data, many=many, partial=partial, **options)

    def _members_of(self, data: dict[str, Any]) -> dict[str, Any]:
        loaded = {}
        for name, field, attribute, optional in self._members:
            value = data.get(name, missing)
            if value is not missing or not optional:
                loaded[attribute] = field.deserialize(value, name, data)
        return loaded
