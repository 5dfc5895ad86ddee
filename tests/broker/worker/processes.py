"""Finding processes in /proc: the children of one, and all that carry a test's mark, wherever they ended up."""

import os
from pathlib import Path

MARK = "MINDIA_TEST_FORMATION"


def alive(pid: int) -> bool:
    """Does the process run? A zombie does not."""
    return _state(pid) not in ("", "Z", "X")


def exists(pid: int) -> bool:
    """Is it there, if only as a zombie?"""
    return _state(pid) != ""


def parent(pid: int) -> int:
    return _parent(pid)


def children(pid: int) -> list[int]:
    """Living children of a process."""
    return [each for each in _pids() if _parent(each) == pid and alive(each)]


def tree(pid: int) -> list[int]:
    """A process and all its living descendants, the root first."""
    found = [pid]
    for each in found:
        found += children(each)
    return found


def marked(mark: str) -> list[int]:
    """Every living process whose environment carries the mark."""
    wanted = f"{MARK}={mark}".encode()
    return [pid for pid in _pids() if alive(pid) and wanted in _read(pid, "environ").split(b"\0")]


def command(pid: int) -> str:
    return _read(pid, "cmdline").replace(b"\0", b" ").decode(errors="replace").strip() or f"[{pid}]"


def _pids() -> list[int]:
    return [int(name) for name in os.listdir("/proc") if name.isdecimal()]


def _read(pid: int, file: str) -> bytes:
    try:
        return Path(f"/proc/{pid}/{file}").read_bytes()
    except OSError:
        return b""


def _stat(pid: int) -> list[bytes]:
    """State, parent and so on: what follows the command, which may hold anything."""
    return _read(pid, "stat").rpartition(b") ")[2].split()


def _state(pid: int) -> str:
    fields = _stat(pid)
    return fields[0].decode() if fields else ""


def _parent(pid: int) -> int:
    fields = _stat(pid)
    return int(fields[1]) if fields else 0
