"""Storage in a local folder: each object is a file, written aside, flushed to disk and renamed into place."""

import io
import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import islice
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import IO, Any, BinaryIO, cast

from broker.errors import NotFound
from broker.media.folders import walk, walk_unsorted
from broker.media.local_resumable import LocalResumable
from broker.media.os_errors import reading, writing
from broker.media.resumable import Resumable
from broker.media.room import leave_room
from broker.media.storage import (
    CHUNK,
    MISSING,
    Aged,
    InvalidKey,
    Live,
    StoredObject,
    check_key,
    check_prefix,
    check_range,
    unavailable,
)

#: Unfinished files; the dot keeps the folder out of the key space.
_UNFINISHED = ".unfinished"
#: How often a rename is tried again when somebody else removed the folder as empty just before it.
_ATTEMPTS = 100


class LocalStorage:
    """Objects below ``root``. Safe for any number of processes at once on one file system."""

    def __init__(self, root: Path) -> None:
        """Makes the folder where there is none. Raises ``Unavailable`` when that is not possible."""
        with writing():
            root.mkdir(parents=True, exist_ok=True)
            self._root = root.resolve()
            self._unfinished = self._root / _UNFINISHED
            self._unfinished.mkdir(exist_ok=True)
        self._growing = LocalResumable(self._root, self._path, self._publish)

    @property
    def resumable(self) -> Resumable:
        return self._growing

    def put(self, key: str, source: BinaryIO) -> int:
        target = self._path(key)
        with self._new_file() as file:
            size = _copy(source, file)
            with writing():
                file.flush()
                os.fsync(file.fileno())
                self._publish(Path(file.name), target)
        return size

    def put_file(self, key: str, path: Path) -> int:
        with path.open("rb") as source:
            return self.put(key, source)

    def open(self, key: str, start: int = 0, length: int | None = None) -> BinaryIO:
        check_range(start, length)
        path = self._path(key)
        with self._reading():
            file = path.open("rb")
        file.seek(start)
        return file if length is None else cast(BinaryIO, io.BufferedReader(_Section(file, length)))

    def stat(self, key: str) -> StoredObject:
        found = self._stat(self._path(key))
        return StoredObject(found.st_size, f"{found.st_ino:x}-{found.st_size:x}-{found.st_mtime_ns:x}")

    def link(self, key: str, seconds: int, content_type: str) -> str | None:
        return None

    @contextmanager
    def local_file(self, key: str) -> Iterator[Path]:
        path = self._path(key)
        self._stat(path)
        yield path

    def keys(self, prefix: str) -> Iterator[str]:
        check_prefix(prefix)
        return walk(self._path(prefix.removesuffix("/")), prefix)

    def delete(self, prefix: str, most: int | None = None) -> int:
        keys = list(islice(self.keys(prefix), most)) if prefix.endswith("/") else [prefix]
        removed = sum(_unlink(self._path(key)) for key in keys)
        self._remove_empty_folders(self._path(prefix.removesuffix("/")))
        return removed

    def delete_keys(self, keys: Sequence[str]) -> None:
        for key in keys:
            self.delete(key)

    def walk(self) -> Iterator[Aged]:
        with self._new_file() as file:
            now = os.fstat(file.fileno()).st_mtime  # on the clock of whoever keeps the files
        return walk_unsorted(self._root, "", now)

    def remove_unfinished(self, seconds: float, live: Live) -> int:
        with self._new_file() as file:
            oldest = os.fstat(file.fileno()).st_mtime - seconds
        removed = 0
        with writing(), os.scandir(self._unfinished) as files:
            for each in files:
                with suppress(FileNotFoundError):
                    if each.stat().st_mtime < oldest:
                        os.unlink(each.path)
                        removed += 1
        return removed + self._growing.remove_dead(oldest, live)

    def check(self, *, thoroughly: bool = False) -> None:
        with self._new_file() as file, writing():
            leave_room(file, 1)
            file.write(b"x")
            file.flush()

    def _stat(self, path: Path) -> os.stat_result:
        with self._reading():
            found = path.stat()
        if stat.S_ISDIR(found.st_mode):
            raise NotFound(MISSING)
        return found

    @contextmanager
    def _reading(self) -> Iterator[None]:
        """Where the whole folder is gone, no object is missing: the disk is."""
        try:
            with reading():
                yield
        except NotFound as error:
            if not self._unfinished.is_dir():
                raise unavailable() from error.__cause__
            raise

    def _path(self, key: str) -> Path:
        """Where ``key`` is kept. Raises ``InvalidKey`` when a symbolic link would lead it out of the root."""
        check_key(key)
        path = self._root / key
        if self._has_link(key) and (path.is_symlink() or not path.parent.resolve().is_relative_to(self._root)):
            raise InvalidKey()
        return path

    def _has_link(self, key: str) -> bool:
        """Whether a name below the root is a symbolic link: to follow all from the system's root takes eight times."""
        name = str(self._root)
        for part in key.split("/"):
            name = f"{name}/{part}"
            if os.path.islink(name):
                return True
        return False

    @contextmanager
    def _new_file(self) -> Iterator[IO[bytes]]:
        """A file of ours alone, on the root's file system, removed unless it was renamed away."""
        with writing():
            file = NamedTemporaryFile(dir=self._unfinished, delete=False)  # noqa: SIM115
        try:
            yield file
        finally:
            with suppress(OSError):  # what a full disk has not taken would fail again
                file.close()
            with suppress(FileNotFoundError):
                os.unlink(file.name)

    def _publish(self, file: Path, target: Path) -> None:
        for _ in range(_ATTEMPTS):
            try:
                self._make_folder(target.parent)
                os.replace(file, target)
            except (FileNotFoundError, FileExistsError, NotADirectoryError, IsADirectoryError):
                if target.is_dir() or any(each.is_file() for each in target.parents):
                    raise InvalidKey("An object cannot lie below another one.") from None
                continue  # Somebody else's delete removed the still empty folder in between.
            _flush_folder(target.parent)
            return
        raise unavailable()

    def _make_folder(self, folder: Path) -> None:
        """Make ``folder`` and flush each new name, or the object's folder could be gone after a power cut."""
        missing = [each for each in (folder, *folder.parents) if each.is_relative_to(self._root) and not each.is_dir()]
        for each in reversed(missing):
            each.mkdir(exist_ok=True)
            _flush_folder(each.parent)

    def _remove_empty_folders(self, below: Path) -> None:
        """Remove the empty folders in and above ``below``; one that is filled meanwhile refuses to go."""
        inner = [Path(folder) for folder, _, _ in os.walk(below, topdown=False)]
        for folder in (*inner, *below.parents):
            if folder == self._root:
                return
            with suppress(OSError):
                folder.rmdir()


class _Section(io.RawIOBase):
    """The next ``length`` bytes of ``file``, which it closes."""

    def __init__(self, file: BinaryIO, length: int) -> None:
        self._file = file
        self._left = length

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = self._file.read(min(len(buffer), self._left))
        buffer[: len(data)] = data
        self._left -= len(data)
        return len(data)

    def close(self) -> None:
        self._file.close()
        super().close()


def _copy(source: BinaryIO, file: IO[bytes]) -> int:
    """Copy all of ``source``. Its own errors pass through: they are the sender's, not the storage's."""
    size = 0
    while chunk := source.read(CHUNK):
        with writing():
            leave_room(file, len(chunk))
            file.write(chunk)
        size += len(chunk)
    return size


def _unlink(path: Path) -> bool:
    """Whether there was a file to remove."""
    if path.is_dir():
        return False
    with writing():
        try:
            path.unlink()
        except (FileNotFoundError, NotADirectoryError):
            return False
    return True


def _flush_folder(folder: Path) -> None:
    """Put the names in ``folder`` on disk; one that somebody removed meanwhile needs it no more."""
    with suppress(FileNotFoundError):
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
