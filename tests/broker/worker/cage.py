"""A cage for a worker: the kernel's bounds on processes and memory, as a container on a platform has them."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from tests.waiting import wait_until

_ROOT = Path("/sys/fs/cgroup")


class Cage:
    """Two control groups, one for each bound."""

    def __init__(self) -> None:
        name = f"mindia-test-{uuid.uuid4().hex[:8]}"
        self._processes, self._memory = _ROOT / "pids" / name, _ROOT / "memory" / name

    def put(self, pid: int) -> None:
        """A process, with all that it will start."""
        for group in (self._processes, self._memory):
            (group / "cgroup.procs").write_text(str(pid))

    def bound(self, *, processes: int | None = None, mib: int | None = None) -> None:
        if processes:
            (self._processes / "pids.max").write_text(str(processes))
        if mib:
            (self._memory / "memory.limit_in_bytes").write_text(str(mib << 20))

    @contextmanager
    def built(self) -> Iterator["Cage"]:
        """Skips the test where this is not allowed."""
        groups = (self._processes, self._memory)
        try:
            for group in groups:
                group.mkdir()
            self.bound(processes=60, mib=500)
        except OSError as error:
            pytest.skip(f"no control groups of our own here: {error}")
        else:
            yield self
        finally:
            wait_until(lambda: not any([_left(group) for group in groups]), "the cage is empty")


def _left(group: Path) -> bool:
    """A group is there as long as anything in it is still on its way out."""
    with suppress(OSError):
        group.rmdir()
    return group.exists()
