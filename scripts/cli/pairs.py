"""JSON objects from the command line: ``NAME=TEXT`` and ``NAME:=JSON``, or a whole one, from a file too."""

import json
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from scripts.cli.failure import Usage


def members(pairs: Iterable[str]) -> dict[str, Any]:
    """The members that the words name. Raises ``Usage``."""
    return dict(map(_member, pairs))


def document(text: str) -> dict[str, Any]:
    """An object as JSON, ``@FILE`` or ``-`` for stdin. Raises ``Usage``."""
    found = _json(_content(text))
    if not isinstance(found, dict):
        raise Usage('A payload is a JSON object, such as {"video_id": "..."}.')
    return found


def _member(pair: str) -> tuple[str, Any]:
    name, sign, value = pair.partition("=")
    if not sign or not name.strip(":"):
        raise Usage(f"{pair!r} names no member: write NAME=TEXT or NAME:=JSON.")
    return (name[:-1], _json(value)) if name.endswith(":") else (name, value)


def _content(text: str) -> str:
    if text == "-":
        return sys.stdin.read()
    if not text.startswith("@"):
        return text
    try:
        return Path(text[1:]).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise Usage(f"{text[1:]} cannot be read ({getattr(error, 'strerror', None) or 'not UTF-8'}).") from error


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise Usage(f"{text[:60]!r} is no JSON ({error}).") from error
