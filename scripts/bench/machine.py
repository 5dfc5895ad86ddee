"""How much of the machine's CPU somebody else used while we measured (Linux; elsewhere it is not known)."""

import os
from pathlib import Path

_PROC = Path("/proc")


class ForeignCpu:
    """The share of the machine's CPU that went to others, not to this process or its descendants, since it was made."""

    def __init__(self) -> None:
        self._total, self._busy = _machine()
        self._own = _own()

    def share(self) -> float:
        """0 to 1; the host's own stealing counts as somebody else."""
        total, busy = _machine()
        foreign = busy - self._busy - (_own() - self._own)
        return max(0.0, foreign / max(1, total - self._total))


def _machine() -> tuple[int, int]:
    """(all, busy) clock ticks since boot; proc(5): user nice system idle iowait irq softirq steal."""
    try:
        ticks = [int(field) for field in (_PROC / "stat").read_text().split("\n", 1)[0].split()[1:9]]
    except OSError:
        return 0, 0
    return sum(ticks), sum(ticks) - ticks[3] - ticks[4]


def _own() -> int:
    """Clock ticks of this process and all below it, those that have ended and were waited for included."""
    parents: dict[int, int] = {}
    ticks: dict[int, int] = {}
    for folder in _PROC.glob("[0-9]*"):
        try:
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        parents[int(folder.name)] = int(fields[1])
        ticks[int(folder.name)] = sum(map(int, fields[11:15]))
    ours = {os.getpid()}
    while more := {pid for pid, parent in parents.items() if parent in ours} - ours:
        ours |= more
    return sum(ticks.get(pid, 0) for pid in ours)
