"""Objects that grow in a local folder: one file each, written at its place and moved when it is whole."""

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from itertools import islice
from pathlib import Path
from typing import BinaryIO

from broker.errors import NotFound, Unavailable
from broker.media.os_errors import reading, writing
from broker.media.resumable import State, Still
from broker.media.room import leave_room
from broker.media.storage import CHUNK, Live

#: Their folder, below it as their keys; the dot keeps it out of the key space.
_FOLDER = ".resumable"
_BATCH = 500


class LocalResumable:
    """Below ``root``. A file is locked while it is written, so that a writer that was taken for dead is waited for."""

    def __init__(self, root: Path, path: Callable[[str], Path], publish: Callable[[Path, Path], None]) -> None:
        """``path`` tells where an object of a key lies, and ``publish`` moves a file there."""
        self._root = root
        self._path = path
        self._publish = publish

    def begin(self, key: str) -> State:
        file = self._file(key)
        with writing():
            file.parent.mkdir(parents=True, exist_ok=True)
            file.touch()
        return {}

    def beside(self, state: State, writers: int, size: int) -> State:
        return state

    def append(
        self, key: str, state: State, source: BinaryIO, offset: int, size: int, total: int, still: Still = bool
    ) -> State:
        with self._locked(key, still) as file, writing():
            file.seek(offset)
            left = size
            while left and (chunk := source.read(min(CHUNK, left))):
                leave_room(file, len(chunk))
                file.write(chunk)
                left -= len(chunk)
            file.flush()
            os.fsync(file.fileno())
        return state

    def complete(self, key: str, state: State, size: int, still: Still = bool) -> None:
        with self._locked(key, still) as file, writing():
            file.truncate(size)  # a piece that was not kept may have been longer
            os.fsync(file.fileno())
            self._publish(self._file(key), self._path(key))
        self._tidy(key)

    def remove(self, key: str, state: State) -> None:
        with writing(), suppress(FileNotFoundError):
            self._file(key).unlink()
        self._tidy(key)

    def remove_dead(self, oldest: float, live: Live) -> int:
        """Removes files that were written before the second ``oldest`` and are not live; returns how many."""
        folder, removed = self._root / _FOLDER, 0
        found = (Path(name, file) for name, _, files in os.walk(folder) for file in files)
        for files in iter(lambda: list(islice(found, _BATCH)), []):
            keys = [str(file.relative_to(folder)) for file in files]
            kept = live(keys)
            for key, file in zip(keys, files, strict=True):
                with writing(), suppress(FileNotFoundError):
                    if key not in kept and file.stat().st_mtime < oldest:
                        file.unlink()
                        self._tidy(key)
                        removed += 1
        return removed

    def _file(self, key: str) -> Path:
        self._path(key)  # is a key
        return self._root / _FOLDER / key

    @contextmanager
    def _locked(self, key: str, still: Still) -> Iterator[BinaryIO]:
        with reading():
            file = self._file(key).open("r+b")
        with file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise Unavailable("Another writer of this upload has not ended yet.", retry_after=2) from None
            still()  # whoever has taken it over since then waits for the lock
            with reading():
                if not os.path.samestat(self._file(key).stat(), os.fstat(file.fileno())):
                    raise NotFound("Another writer has completed it.")  # and the file that is open is an object
            yield file

    def _tidy(self, key: str) -> None:
        """Removes folders that are empty now."""
        for folder in self._file(key).parents:
            if folder == self._root / _FOLDER:
                return
            with suppress(OSError):
                folder.rmdir()
