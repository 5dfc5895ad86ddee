"""Graphs in files of this machine, so that a search process that starts need not link everything anew.

A file is of some blocks of a matrix: whose rows they have, where, and what links them. Of the rows it has a number
each, by which they are known when they are read from the store: no vector is in it, and no text. What is damaged, of
other settings or of rows that are no more is as if it were not there. A folder belongs to one process at a time, which
is the one that has it locked (flock(2)): the kernel gives it back when that dies of whatever.
"""

import fcntl
import hashlib
import json
import logging
import os
import shutil
import sys
import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import suppress
from functools import cache, partial
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from handlers.embedding.index.links import Links

log = logging.getLogger(__name__)

#: Processes of one machine that find a folder of their own.
_MOST_PROCESSES = 64
#: Seconds after which what nobody has searched goes, and for which nothing is written after that has failed.
_UNUSED, _PAUSE = 7 * 86400.0, 600.0
#: Rows whose numbers are made at once.
_AT_ONCE = 1024
#: A file while it is written.
_UNFINISHED = ".part"


class Layout(NamedTuple):
    """Where the entities of a block have their rows."""

    number: int
    #: By place; empty where one was removed.
    ids: list[str]
    #: (entities,), the first row of each.
    starts: NDArray[np.intp]
    #: (rows,), whether each is of a picture.
    shown: NDArray[np.bool_]
    #: (rows,), by which each is known again.
    digests: NDArray[np.uint64]


class Contents(NamedTuple):
    """What is written: of blocks all but the digests, with the rows that these are made of; and graphs."""

    kind: str
    layouts: list[Layout]
    rows: list[NDArray[np.float16]]
    links: list[Links]


class Snapshot(NamedTuple):
    """What is read."""

    name: str
    kind: str
    layouts: list[Layout]
    #: One after the other.
    links: Callable[[], Iterator[Links]]
    #: Says that it is of no use.
    discard: Callable[[], None]


def digests(rows: NDArray[np.float16]) -> NDArray[np.uint64]:
    """(rows,), numbers that hardly ever agree for rows that do not: what a mistake costs is a row linked amiss."""
    found = [
        np.einsum("ij,j->i", rows[at : at + _AT_ONCE].view(np.uint16).astype(np.uint64), _odd(rows.shape[1]))
        for at in range(0, len(rows), _AT_ONCE)
    ]
    return np.concatenate(found) if found else np.empty(0, np.uint64)


@cache
def _odd(many: int) -> NDArray[np.uint64]:
    return np.random.default_rng(1).integers(2**63, size=many, dtype=np.uint64) * np.uint64(2) + np.uint64(1)


class Snapshots:
    """All those of a process."""

    def __init__(self, folder: Path, lock: int, most_bytes: int, made_of: Mapping[str, Any]) -> None:
        """In ``folder``, which is this process' alone; ``made_of`` is what has to be equal when they are read.

        Those of who has not searched for longest are given up when all together pass ``most_bytes``.
        """
        self._lock = lock
        self._folder, self._most_bytes, self._made_of = folder, most_bytes, json.dumps(made_of, sort_keys=True)
        self._writer: threading.Thread | None = None
        self._pause_until = -np.inf
        self.sweep()

    @classmethod
    def open(cls, parent: Path, most_bytes: int, made_of: Mapping[str, Any]) -> "Snapshots | None":
        """In the first folder of ``parent`` that no other process has; ``None``, with a warning, where none can be."""
        try:
            for number in range(_MOST_PROCESSES):
                folder = parent / str(number)
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
                if (lock := _lock(folder)) is not None:
                    return cls(folder, lock, most_bytes, made_of)
        except OSError as error:
            log.warning(
                "indexes are made anew after each start: they cannot be kept in %s (%s); SEARCH_INDEX_DIR names a "
                "folder on this machine that can be written to",
                parent,
                error.strerror or error,
            )
        return None

    def of(self, tenant: str, model: str) -> "Kept":
        """Those of one index."""
        name = hashlib.sha256(json.dumps([tenant, model]).encode()).hexdigest()[:32]
        return Kept(self, self._folder / name)

    def read(self, path: Path) -> Snapshot | None:
        """What is in a file; nothing, and no file any more, where that is of no use."""
        try:
            with path.open("rb") as opened, np.load(opened, allow_pickle=False) as file:
                if str(file["made_of"]) != self._made_of:
                    raise ValueError("it was made in another way")
                links, discard = partial(_links, path), partial(_discard, path)
                return Snapshot(path.stem, str(file["kind"]), _layouts(file), links, discard)
        except Exception as error:  # whatever a damaged file has numpy and zipfile raise
            log.info("an index that was kept is of no use: %s", error)
            _discard(path)
            return None

    @property
    def busy(self) -> bool:
        """Whether nothing more can be written now."""
        return time.monotonic() < self._pause_until or (self._writer is not None and self._writer.is_alive())

    def write(self, path: Path, contents: Contents) -> None:
        """Writes it beside all else; not while ``busy``."""
        self._writer = threading.Thread(target=self._write, args=(path, contents), name="snapshot")
        self._writer.start()

    def close(self) -> None:
        """Waits for what is being written, and leaves the folder to others."""
        if self._writer:
            self._writer.join()
        os.close(self._lock)

    def sweep(self) -> None:
        """Removes what nobody has searched for long, what is too much, and what was not finished."""
        used, size = time.time() - _UNUSED, 0
        with suppress(OSError):
            for each in self._folder.glob(f"*/*{_UNFINISHED}"):
                each.unlink()
            for folder in sorted(self._folder.iterdir(), key=lambda each: -each.stat().st_mtime):
                size += sum(each.stat().st_size for each in folder.iterdir())
                if folder.stat().st_mtime < used or size > self._most_bytes:
                    shutil.rmtree(folder, ignore_errors=True)

    def _write(self, path: Path, contents: Contents) -> None:
        if sys.platform == "linux":  # elsewhere a thread has no priority of its own
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), 19)
        unfinished = path.with_suffix(_UNFINISHED)
        try:
            arrays = _arrays(contents)
            path.parent.mkdir(mode=0o700, exist_ok=True)
            with unfinished.open("wb") as file:
                np.savez(file, allow_pickle=False, made_of=np.array(self._made_of), **arrays)
            os.replace(unfinished, path)
            os.utime(path.parent)
            self.sweep()
        except Exception as error:
            self._pause_until = time.monotonic() + _PAUSE
            log.warning("an index cannot be kept in %s: %s", self._folder, error)
            _discard(unfinished)


class Kept:
    """The snapshots of one index."""

    def __init__(self, all_of_them: Snapshots, folder: Path) -> None:
        self._all, self._folder = all_of_them, folder

    def read(self) -> Iterator[Snapshot]:
        """All of them, that are of any use, one file after the other."""
        with suppress(OSError):
            os.utime(self._folder)
        for path in sorted(self._folder.glob("*.npz")):
            if snapshot := self._all.read(path):
                yield snapshot

    @property
    def busy(self) -> bool:
        """Whether nothing more can be written now."""
        return self._all.busy

    def write(self, name: str, contents: Contents) -> None:
        """Beside all else; not while ``busy``."""
        self._all.write(self._folder / f"{name}.npz", contents)

    def has(self, name: str) -> bool:
        """Whether it was written, and has not been removed since."""
        return (self._folder / f"{name}.npz").exists()

    def keep(self, names: Collection[str]) -> None:
        """Removes all others."""
        with suppress(OSError):
            os.utime(self._folder)
        for path in self._folder.glob("*.npz"):
            if path.stem not in names:
                _discard(path)
        self._all.sweep()


def _lock(folder: Path) -> int | None:
    """Holds it as long as the process lives; ``None`` where another has it."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(handle)
        if isinstance(error, BlockingIOError):
            return None
        raise
    return handle


def _discard(path: Path) -> None:
    with suppress(OSError):
        path.unlink(missing_ok=True)


def _arrays(contents: Contents) -> dict[str, NDArray[Any]]:
    layouts = contents.layouts
    ids = "\0".join(each for layout in layouts for each in layout.ids)
    return {
        "kind": np.array(contents.kind),
        "sizes": np.array([(each.number, len(each.ids), len(each.shown)) for each in layouts]),
        "ids": np.frombuffer(ids.encode(), np.uint8),
        "starts": np.concatenate([each.starts for each in layouts]),
        "shown": np.concatenate([each.shown for each in layouts]),
        "digests": np.concatenate([digests(each) for each in contents.rows]),
        **{f"links_{number}": each.data for number, each in enumerate(contents.links)},
    }


def _layouts(file: Mapping[str, NDArray[Any]]) -> list[Layout]:
    ids = file["ids"].tobytes().decode().split("\0")
    starts, shown, made = file["starts"], file["shown"], file["digests"]
    found, entity, row = [], 0, 0
    for number, entities, rows in file["sizes"].tolist():
        mine, lines = slice(entity, entity + entities), slice(row, row + rows)
        found.append(Layout(number, ids[mine], starts[mine], shown[lines], made[lines]))
        entity, row = entity + entities, row + rows
    if (len(ids), len(starts), len(shown), len(made)) != (entity, entity, row, row):
        raise ValueError("what it says of its blocks does not agree")
    return found


def _links(path: Path) -> Iterator[Links]:
    with path.open("rb") as opened, np.load(opened, allow_pickle=False) as file:
        for number in count():
            if f"links_{number}" not in file:
                return
            yield Links(file[f"links_{number}"])
