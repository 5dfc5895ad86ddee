"""How the text of a variable becomes a value: marshmallow's fields, whose messages say what to write instead."""

import math
import re
from collections.abc import Collection
from pathlib import Path
from pkgutil import resolve_name
from typing import Any

from marshmallow import ValidationError, fields


class Setting(fields.Field[Any]):
    """One variable. What ``convert`` raises as ``ValueError`` reads on after the variable's name and value."""

    def __init__(self, meaning: str, default: Any, *, secret: bool = False, unset: str = "") -> None:
        """``meaning`` is one line of what it is; ``unset`` says what to do where it is needed and not there."""
        super().__init__(load_default=default)
        self.meaning, self.default, self.secret, self.unset = meaning, default, secret, unset

    def convert(self, text: str) -> Any:
        """The value that ``text``, which is not empty and has no blanks around it, stands for."""
        raise NotImplementedError

    def _deserialize(self, value: str, attr: str | None, data: Any, **options: Any) -> Any:
        try:
            return self.convert(value.strip())
        except ValueError as error:
            raise ValidationError(str(error)) from None


class Text(Setting):
    """Text that matches ``pattern``; ``write`` says so in words."""

    def __init__(self, meaning: str, default: str = "", pattern: str = ".*", write: str = "", **options: Any) -> None:
        super().__init__(meaning, default, **options)
        self._pattern, self._write = re.compile(pattern), write

    def convert(self, text: str) -> str:
        if not self._pattern.fullmatch(text):
            raise ValueError(self._write)
        return text


class OneOf(Setting):
    """One of some words."""

    def __init__(self, meaning: str, default: str, words: Collection[str]) -> None:
        super().__init__(meaning, default)
        self._words = words

    def convert(self, text: str) -> str:
        if text not in self._words:
            raise ValueError(f"write {' or '.join(self._words)}")
        return text


class Switch(Setting):
    """``1`` or ``0``."""

    def convert(self, text: str) -> bool:
        if text not in ("0", "1"):
            raise ValueError("write 1 or 0")
        return text == "1"


class Folder(Setting):
    """A path."""

    def convert(self, text: str) -> Path:
        return Path(text)


class CheckedBy(Setting):
    """Text that another room understands: its ``check``, named as ``module:function``, raises what is wrong with it.

    Named and not imported, as this room knows none of the others.
    """

    def __init__(self, meaning: str, default: str, check: str) -> None:
        super().__init__(meaning, default)
        self._check = check

    def convert(self, text: str) -> str:
        resolve_name(self._check)(text)
        return text


class Number(Setting):
    """A number within bounds; with ``or_none``, the word ``none`` too, which lifts a limit."""

    kind = "number"
    #: Decimals as people write them; float() takes 1_0, 8e3 and inf too.
    _written = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)")

    def __init__(self, meaning: str, default: Any, low: float, high: float, *, or_none: bool = False) -> None:
        super().__init__(meaning, default)
        self._low, self._high, self._or_none = low, high, or_none

    def convert(self, text: str) -> Any:
        if self._or_none and text == "none":
            return None
        value = float(text) if self._written.fullmatch(text) else math.nan
        if not (self._low <= value <= self._high and self._fits(value)):
            lifted = ", or none" if self._or_none else ""
            raise ValueError(f"write a {self.kind} from {self._low:.15g} to {self._high:.15g}{lifted}")
        return self._value(value)

    def _fits(self, value: float) -> bool:
        return True

    def _value(self, value: float) -> float:
        return value


class Thousandths(Number):
    """A number with at most three decimals."""

    kind = "number with at most three decimals"

    def _fits(self, value: float) -> bool:
        return abs(value * 1000 - round(value * 1000)) <= 1e-6


class Whole(Number):
    """A whole number, in digits alone: what else reads the variable (a shell, gunicorn) understands no more."""

    kind = "whole number"
    _written = re.compile(r"[0-9]+")

    def _value(self, value: float) -> int:
        return int(value)
