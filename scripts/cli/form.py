"""A multipart form with one file, read while it is sent: a film of gigabytes needs no memory; words go before it."""

import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from uuid import uuid4

_CHUNK = 256 * 1024


class FormFile:
    """The body of an upload, with its length; it can be read again when it has to be sent again."""

    def __init__(self, path: Path, words: Mapping[str, str], on_sent: Callable[[int], object]) -> None:
        """``words`` are the form's other parts; ``on_sent`` is told how many bytes of the file have gone.

        ``OSError`` for one that cannot be read.
        """
        self._path, self._on_sent = path, on_sent
        self._boundary = uuid4().hex
        name = path.name.replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")
        parts = [f'"{each}"\r\n\r\n{value}\r\n' for each, value in words.items()]
        parts.append(f'"file"; filename="{name}"\r\nContent-Type: application/octet-stream\r\n\r\n')
        start = f"--{self._boundary}\r\nContent-Disposition: form-data; name="
        self._head = "".join(start + each for each in parts).encode(errors="replace")
        self._tail = f"\r\n--{self._boundary}--\r\n".encode()
        with path.open("rb") as file:  # what fails while it is sent looks as if nobody answered
            self._size = os.fstat(file.fileno()).st_size

    @property
    def content_type(self) -> str:
        return f"multipart/form-data; boundary={self._boundary}"

    def __len__(self) -> int:
        return len(self._head) + self._size + len(self._tail)

    def __iter__(self) -> Iterator[bytes]:
        yield self._head
        with self._path.open("rb") as file:
            while chunk := file.read(_CHUNK):
                yield chunk
                self._on_sent(len(chunk))
        yield self._tail
