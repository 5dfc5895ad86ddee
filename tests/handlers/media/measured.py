"""Runs in the decoder: another of its functions, and how much memory that has taken."""

from pathlib import Path
from pkgutil import resolve_name
from types import GeneratorType
from typing import Any


def peak(function: str, path: str, *arguments: Any) -> tuple[int, Any]:
    """MiB of memory that the program takes at most beyond what it has taken so far; and the answer."""
    before = most()
    answer = resolve_name(function)(path, *arguments)
    if isinstance(answer, GeneratorType):
        answer = list(answer)
    return most() - before, answer


def most() -> int:
    """MiB of memory that this program has taken at most."""
    (line,) = [each for each in Path("/proc/self/status").read_text().splitlines() if each.startswith("VmHWM:")]
    return int(line.split()[1]) // 1024
