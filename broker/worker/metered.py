"""The storage as a run sees it, which counts the bytes that it reads and writes."""

import io
import threading
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, BinaryIO, cast

from broker.media.resumable import Resumable
from broker.media.storage import Aged, Live, Storage, StoredObject


class MeteredStorage:
    """A ``Storage`` over another one. A file that is opened where it lies counts as read as a whole."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self._lock = threading.Lock()
        self.bytes_read = self.bytes_written = 0

    def put(self, key: str, source: BinaryIO) -> int:
        return self._wrote(self._storage.put(key, source))

    def put_file(self, key: str, path: Path) -> int:
        return self._wrote(self._storage.put_file(key, path))

    def open(self, key: str, start: int = 0, length: int | None = None) -> BinaryIO:
        return cast(BinaryIO, io.BufferedReader(_Counted(self._storage.open(key, start, length), self.read)))

    def stat(self, key: str) -> StoredObject:
        return self._storage.stat(key)

    def link(self, key: str, seconds: int, content_type: str) -> str | None:
        return self._storage.link(key, seconds, content_type)

    def local_file(self, key: str) -> AbstractContextManager[Path]:
        return self._local_file(key)

    @contextmanager
    def _local_file(self, key: str) -> Iterator[Path]:
        with self._storage.local_file(key) as path:
            self.read(path.stat().st_size)
            yield path

    def keys(self, prefix: str) -> Iterator[str]:
        return self._storage.keys(prefix)

    def check(self, *, thoroughly: bool = False) -> None:
        self._storage.check(thoroughly=thoroughly)

    def delete(self, prefix: str, most: int | None = None) -> int:
        return self._storage.delete(prefix, most)

    def delete_keys(self, keys: Sequence[str]) -> None:
        self._storage.delete_keys(keys)

    def walk(self) -> Iterator[Aged]:
        return self._storage.walk()

    def remove_unfinished(self, seconds: float, live: Live) -> int:
        return self._storage.remove_unfinished(seconds, live)

    @property
    def resumable(self) -> Resumable:
        return self._storage.resumable

    def read(self, count: int) -> None:
        """So many bytes were read."""
        with self._lock:
            self.bytes_read += count

    def _wrote(self, count: int) -> int:
        with self._lock:
            self.bytes_written += count
        return count


class _Counted(io.RawIOBase):
    """A stream that tells how many bytes of it are read."""

    def __init__(self, source: BinaryIO, tell: Any) -> None:
        self._source, self._tell = source, tell

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = self._source.read(len(buffer))
        buffer[: len(data)] = data
        self._tell(len(data))
        return len(data)

    def seekable(self) -> bool:
        return self._source.seekable()

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        return self._source.seek(offset, whence)

    def tell(self) -> int:
        return self._source.tell()

    def close(self) -> None:
        if not self.closed:
            self._source.close()
        super().close()
