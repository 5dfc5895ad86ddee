"""What processes did while something was timed: how long they ran, and how long they waited for a core (Linux)."""

import os
from collections.abc import Mapping
from pathlib import Path

#: Nanoseconds in a millisecond.
_NS = 1_000_000
_CLOCK_MS = 1000 / os.sysconf("SC_CLK_TCK")


class Watched:
    """Some processes by name, each with its children and all of their threads."""

    def __init__(self, processes: Mapping[str, int]) -> None:
        self._processes = processes

    def read(self) -> dict[str, float]:
        """Up to now: of each process ``<name> ran`` and ``<name> waited`` (ms) and ``<name> faults``; and what other
        machines have taken of this one's cores, as ``stolen`` (ms, to the nearest 10).
        """
        found = {"stolen": _stolen()}
        for name, first in self._processes.items():
            pids = [first, *_children(first)]
            threads = [
                each.read_text().split() for pid in pids for each in Path(f"/proc/{pid}/task").glob("*/schedstat")
            ]
            found[f"{name} ran"] = sum(int(each[0]) for each in threads) / _NS
            found[f"{name} waited"] = sum(int(each[1]) for each in threads) / _NS
            found[f"{name} faults"] = sum(map(_faults, pids))
        return found


def _children(pid: int) -> list[int]:
    return [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def _faults(pid: int) -> int:
    """Pages that the system had to give or to fetch."""
    words = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(words[7]) + int(words[9])


def _stolen() -> float:
    with open("/proc/stat") as file:
        return int(file.readline().split()[8]) * _CLOCK_MS
