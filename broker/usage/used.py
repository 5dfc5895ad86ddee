"""What a run has used, as it is measured, stored and shown."""

from typing import Any, NamedTuple

from broker.engine.values import number

_KIB, _US, _MS = 1024, 1e6, 1e3
#: Numbers of a task's own row, and of the ledger's.
_OWN, _ROW = 6, 7


class Used(NamedTuple):
    """Of one run."""

    cpu_us: int = 0
    run_us: int = 0
    media_ms: int = 0
    bytes_read: int = 0
    bytes_written: int = 0
    peak_kib: int = 0

    def text(self, others: "Others") -> str:
        """As usage.lua takes it, with those before it that were too short to be told one by one."""
        return " ".join(map(str, (*self, *others)))


class Others(NamedTuple):
    """Runs that were too short to be told one by one."""

    runs: int = 0
    cpu_us: int = 0
    run_us: int = 0


class Row(NamedTuple):
    """The sum of many runs. Seconds, bytes; ``peak_memory_bytes`` is the largest of one run."""

    runs: int = 0
    cpu_seconds: float = 0.0
    run_seconds: float = 0.0
    media_seconds: float = 0.0
    bytes_read: int = 0
    bytes_written: int = 0
    peak_memory_bytes: int = 0

    def __or__(self, other: "Row") -> "Row":
        """Both together."""
        return Row(
            self.runs + other.runs,
            round(self.cpu_seconds + other.cpu_seconds, 6),
            round(self.run_seconds + other.run_seconds, 6),
            round(self.media_seconds + other.media_seconds, 3),
            self.bytes_read + other.bytes_read,
            self.bytes_written + other.bytes_written,
            max(self.peak_memory_bytes, other.peak_memory_bytes),
        )


def row_of(text: str) -> Row:
    """A row of the ledger; what a foreign hand has spoilt counts as nothing."""
    numbers = [number(each) for each in text.split()]
    if len(numbers) < _ROW:
        return Row()
    runs, cpu, run, media, read, written, peak, *_ = numbers
    return Row(runs, cpu / _US, run / _US, media / _MS, read, written, peak * _KIB)


def used_of(text: str | None) -> dict[str, Any] | None:
    """What a task's own field holds, as it is shown; ``None`` where nothing was measured."""
    numbers = [number(each) for each in text.split()] if text else []
    if len(numbers) < _OWN:
        return None
    cpu, run, media, read, written, peak, *_ = numbers
    return {
        "cpu_seconds": cpu / _US,
        "run_seconds": run / _US,
        "media_seconds": media / _MS,
        "bytes_read": read,
        "bytes_written": written,
        "peak_memory_bytes": peak * _KIB,
    }
