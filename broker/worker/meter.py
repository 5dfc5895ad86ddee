"""What the runs of one child use: processor time and memory of it and of its programs.

A run of ten milliseconds is looked at as a whole, which takes a twentieth of a millisecond; of shorter ones only the
child's own processor time is counted, and told together with that of later runs: what a program or memory takes, takes
longer than that. So a child that is killed takes along what its last short runs have used.
"""

import os
import resource
import time
from typing import NamedTuple

from broker.usage.used import Others, Used
from broker.worker import processes

#: Seconds from which on a run is told of by itself, or of processor time that its forerunners have used together.
TOLD = 0.01
#: Seconds between two times at which a child with nothing to do tells of short runs.
_BETWEEN = 1.0


class Measured(NamedTuple):
    """What only the context of a run knows of it."""

    media_seconds: float = 0.0
    bytes_read: int = 0
    bytes_written: int = 0
    #: KiB of the largest program that it has run.
    peak_kib: int = 0


#: Of a run of which there is nothing to know.
NOTHING = Measured()


class Meter:
    """Of the process that makes it."""

    def __init__(self) -> None:
        #: Tenant and type -> how many runs, seconds of processor time and of time; changed in place, which is faster.
        self._short: dict[tuple[str, str], list[float]] = {}
        self._told = time.monotonic()
        self._began = 0.0
        #: The share of the present run in what it has used together with others.
        self._common = 0.0
        self._programs = self._reaped = 0.0
        processes.forget_peak(os.getpid())

    def begin(self) -> float:
        """A run begins. Returns the seconds of processor time that this process and its ended programs took before."""
        self._began, self._common = time.process_time(), 0.0
        return self._began + self._reaped

    def end(self, tenant: str, type_name: str, seconds: float, measured: Measured) -> str:
        """The run, which took so long, is over: what is to be told of it, or '' for nothing now."""
        cpu = time.process_time() - self._began + self._common
        known = tenant, type_name
        short = self._short.get(known)
        if short is None:
            short = self._short[known] = [0, 0.0, 0.0]
        if seconds < TOLD and short[1] + cpu < TOLD and measured is NOTHING:
            short[0] += 1
            short[1] += cpu
            short[2] += seconds
            return ""
        del self._short[known]
        programs, peak_kib = self._look() if seconds >= TOLD else (0.0, 0)
        used = Used(
            cpu_us=int((cpu + programs) * 1e6),
            run_us=int(seconds * 1e6),
            media_ms=int(measured.media_seconds * 1e3),
            bytes_read=measured.bytes_read,
            bytes_written=measured.bytes_written,
            peak_kib=peak_kib + measured.peak_kib,
        )
        return used.text(_others(*short))

    def share(self, size: int, seconds: float) -> None:
        """So many runs have used alike what was used since `begin`, so long ago; from here on each is on its own.

        Of each tells `part`, and of the one that was begun `end`, at last.
        """
        programs, _ = self._look() if seconds >= TOLD else (0.0, 0)
        self._common = (self._own() + programs) / size

    def part(self, seconds: float, measured: Measured, *, alone: bool) -> str:
        """What is to be told of the next of these that is over: its share, and what was used since the one before it.

        ``seconds`` are its own; ``alone``: it was run by itself, and its programs with it.
        """
        cpu = self._own()
        programs, peak_kib = self._look() if alone and seconds >= TOLD else (0.0, 0)
        return Used(
            cpu_us=int((self._common + cpu + programs) * 1e6),
            run_us=int(seconds * 1e6),
            media_ms=int(measured.media_seconds * 1e3),
            bytes_read=measured.bytes_read,
            bytes_written=measured.bytes_written,
            peak_kib=peak_kib + measured.peak_kib,
        ).text(Others())

    def _own(self) -> float:
        """Seconds of this process' time since this was asked, or a run begun."""
        began, self._began = self._began, time.process_time()
        return self._began - began

    def due(self) -> bool:
        """Whether a child with nothing to do should tell of short runs."""
        return bool(self._short) and time.monotonic() - self._told >= _BETWEEN

    def take(self) -> list[tuple[str, str, str, str]]:
        """What short runs have used that nobody was told of, as `Transitions.add_usage` takes it."""
        short, self._short, self._told = self._short, {}, time.monotonic()
        return [("", tenant, type_name, Used().text(_others(*each))) for (tenant, type_name), each in short.items()]

    def _look(self) -> tuple[float, int]:
        """Seconds that programs took since the last look, and KiB of this process' peak and of the largest of them."""
        ended = resource.getrusage(resource.RUSAGE_CHILDREN)
        self._reaped = ended.ru_utime + ended.ru_stime
        programs, largest = self._reaped, 0
        for pid in processes.descendants(os.getpid()):
            programs += processes.cpu_seconds(pid)
            largest = max(largest, processes.peak_kib(pid))
            processes.forget_peak(pid)
        used, self._programs = max(0.0, programs - self._programs), programs
        own = processes.peak_kib(os.getpid())
        processes.forget_peak(os.getpid())
        return used, own + largest


def _others(runs: float, cpu: float, seconds: float) -> Others:
    return Others(int(runs), int(cpu * 1e6), int(seconds * 1e6))


def used_by_dead(
    before: float, started: float, own: "resource.struct_rusage", programs: "list[resource.struct_rusage]"
) -> Used:
    """What a run has used whose process has died, with its programs. ``before``: as ``Meter.begin`` has told."""
    cpu = sum(each.ru_utime + each.ru_stime for each in (own, *programs)) - before
    largest = max((each.ru_maxrss for each in programs), default=0)
    seconds = time.monotonic() - started
    return Used(int(max(0.0, cpu) * 1e6), int(seconds * 1e6), peak_kib=own.ru_maxrss + largest)
