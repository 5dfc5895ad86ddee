"""What the schemas of payloads and of the API have in common."""

from typing import Any

import marshmallow
from marshmallow import ValidationError, missing


class Schema(marshmallow.Schema):
    """A schema that loads and dumps an object at the price of the members that it has.

    marshmallow asks every field about every object, also those of which nothing is there, each in a function of its own
    that keeps its complaint. Here they are asked without; at the first complaint marshmallow starts over and tells all.
    A schema with hooks (``validates_schema`` and the like) loads and dumps as any other.
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
        #: The same of what is dumped, with the name in the schema first.
        self._shown = [
            (
                name,
                field.data_key or name,
                field,
                field.attribute or name,
                field.dump_default is missing and field._CHECK_ATTRIBUTE,
            )
            for name, field in self.dump_fields.items()
        ]
        nested = any("." in (field.attribute or name) for name, field in self.fields.items())
        own_way = type(self).get_attribute is not Schema.get_attribute
        self._straight = not (nested or own_way or any(self._hooks.values()) or self.many or self.partial)

    def load(self, data: Any, *, many: bool | None = None, partial: Any = None, **options: Any) -> Any:
        """As in marshmallow."""
        if self._straight and not many and not partial and isinstance(data, dict) and data.keys() <= self._names:
            try:
                return self._members_of(data)
            except ValidationError:
                pass
        return super().load(data, many=many, partial=partial, **options)

    def dump(self, obj: Any, *, many: bool | None = None) -> Any:
        """As in marshmallow."""
        if not self._straight or many or not isinstance(obj, dict):
            return super().dump(obj, many=many)
        dumped = {}
        for name, shown, field, attribute, optional in self._shown:
            if attribute in obj or not optional:
                value = field.serialize(name, obj, accessor=self.get_attribute)
                if value is not missing:
                    dumped[shown] = value
        return dumped

    def get_attribute(self, obj: Any, attr: str, default: Any) -> Any:
        """As in marshmallow, which would take an absent ``items`` for the dictionary's own."""
        if isinstance(obj, dict) and "." not in attr:
            return obj.get(attr, default)
        return super().get_attribute(obj, attr, default)

    def _members_of(self, data: dict[str, Any]) -> dict[str, Any]:
        loaded = {}
        for name, field, attribute, optional in self._members:
            value = data.get(name, missing)
            if value is not missing or not optional:
                loaded[attribute] = field.deserialize(value, name, data)
        return loaded
