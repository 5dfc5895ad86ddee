"""Variables that keep others out. No message shows anything of their values."""

import re
from typing import Any

from marshmallow import ValidationError

from broker.environment.converters import Setting

#: Characters of a key that nobody finds by trying: as many as ``openssl rand -hex 8`` prints.
SHORTEST_KEY = 16
#: A tenant's name is a part of storage keys and Redis keys; a key must fit into a header.
TENANT_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,62}")
_KEY = re.compile(rf"[\x21-\x7e]{{{SHORTEST_KEY},512}}")
_LONG_ENOUGH = f"at least {SHORTEST_KEY} characters, such as `openssl rand -hex 16` prints"


class ApiKeys(Setting):
    """``tenant:key,tenant:key`` as pairs, the operator's first."""

    def convert(self, text: str) -> list[tuple[str, str]]:
        parts = [(number, part.strip()) for number, part in enumerate(text.split(","), 1) if part.strip()]
        if problems := [f"entry {number}: {problem}" for number, part in parts if (problem := _problem(part))]:
            raise ValidationError(problems)
        entries = [(name, key) for name, _, key in (part.partition(":") for _, part in parts)]
        if not entries:
            raise ValueError(f"names nobody: {self.unset}")
        if len({key for _, key in entries}) < len(entries):
            raise ValueError("has the same key twice; every entry needs a key of its own")
        return entries


class SecretKey(Setting):
    """Keys with commas between them, as they are written. Only the first makes anything new, so it must be long."""

    def convert(self, text: str) -> str:
        keys = [key for each in text.split(",") if (key := each.strip())]
        if keys and len(keys[0]) < SHORTEST_KEY:
            raise ValueError(f"the first key needs {_LONG_ENOUGH}")
        return text


class Password(Setting):
    """What a person types; blanks around it belong to it."""

    def __init__(self, meaning: str, shortest: int) -> None:
        super().__init__(meaning, "", secret=True)
        self._shortest = shortest

    def _deserialize(self, value: str, attr: str | None, data: Any, **options: Any) -> str:
        if len(value) < self._shortest:
            raise ValidationError(f"needs at least {self._shortest} characters")
        return value


def _problem(entry: str) -> str | None:
    name, colon, key = entry.partition(":")
    if not colon or not TENANT_NAME.fullmatch(name):
        return (
            "write tenant:key, the tenant's name of letters, digits, dots, dashes and underscores (at most 63, "
            "beginning with a letter or digit)"
        )
    if not _KEY.fullmatch(key):
        return f"the key needs {_LONG_ENOUGH}, and at most 512, all visible ASCII"
    return None
