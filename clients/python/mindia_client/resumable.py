"""A large file, sent in pieces by tus 1.0 (tus.io): a connection that breaks costs one piece at most."""

import base64
import hashlib
import os
import time
import uuid
from collections.abc import Callable, Mapping
from typing import IO

from mindia_client.errors import MindiaError, NoAnswer, NotFound, Problem
from mindia_client.sending import Sender

#: Bytes of a file above which it is sent so, and of one piece: the gateway keeps as much at a time.
LARGE = PIECE = 8 * 1024 * 1024
_TUS = {"Tus-Resumable": "1.0.0"}
#: What is over when the gateway was asked how far it is.
_BETWEEN = frozenset({"offset_mismatch", "upload_locked", "checksum_mismatch"})
_FIRST_PAUSE, _LONGEST_PAUSE = 0.25, 5.0

#: Is told how many bytes are there, and of how many.
OnProgress = Callable[[int, int], object]


def size_of(file: IO[bytes]) -> int | None:
    """Its bytes; ``None`` where it cannot be read again from another place."""
    if not file.seekable():
        return None
    here = file.tell()
    size = file.seek(0, os.SEEK_END)
    file.seek(here)
    return size


class Resumable:
    """Sends one file. ``patience``: seconds without progress after which it gives up."""

    def __init__(
        self, sender: Sender, patience: float, on_progress: OnProgress | None, sleep: Callable[[float], None]
    ) -> None:
        self._sender, self._patience, self._sleep = sender, patience, sleep
        self._on_progress = on_progress or (lambda _there, _size: None)

    def send(self, file: IO[bytes], size: int, words: Mapping[str, str], key: str | None) -> str:
        """The id of the media file that it became. ``words``: what a form has beside the file, ``kind``, ``filename``.

        Under a ``key`` the same call again goes on with the upload that was begun under it.
        """
        pairs = (f"{name} {base64.b64encode(text.encode()).decode()}" for name, text in words.items())
        told = {"Upload-Length": str(size), "Upload-Metadata": ",".join(pairs), "Idempotency-Key": key or _new_key()}
        begun = self._sender.send("POST", "/api/uploads", {"headers": _TUS | told}, repeatable=True).json()
        self._send(file, f"/api/uploads/{begun['id']}", size, 0 if key is None else None)
        return str(begun["id"])

    def _send(self, file: IO[bytes], place: str, size: int, offset: int | None) -> None:
        """``offset`` is None where the gateway has to be asked."""
        tries, end = 0, time.monotonic() + self._patience
        while True:
            try:
                if offset is None or offset >= size:
                    upload = self._sender.send("GET", place, {}).json()
                    if upload["complete"]:
                        self._on_progress(size, size)
                        return
                    offset = int(upload["offset"])
                    self._on_progress(offset, size)
                offset = self._send_piece(file, place, offset, size)
                self._on_progress(offset, size)
                tries, end = 0, time.monotonic() + self._patience
            except (Problem, NoAnswer) as error:
                if not _passes(error) or time.monotonic() > end:
                    raise
                pause = min(_LONGEST_PAUSE, _FIRST_PAUSE * 2**tries)
                offset, tries = None, tries + 1
                self._sleep(max(pause, getattr(error, "retry_after", None) or 0.0))

    def _send_piece(self, file: IO[bytes], place: str, offset: int, size: int) -> int:
        """How many bytes are there then."""
        file.seek(offset)
        piece = file.read(min(PIECE, size - offset))
        if not piece and offset < size:
            raise MindiaError("The file has become shorter while it was sent.")
        headers = _TUS | {
            "Upload-Offset": str(offset),
            "Upload-Checksum": f"sha256 {base64.b64encode(hashlib.sha256(piece).digest()).decode()}",
            "Content-Type": "application/offset+octet-stream",
        }
        self._sender.send("PATCH", place, {"headers": headers, "content": piece}, repeatable=False)
        return offset + len(piece)


def _passes(error: Problem | NoAnswer) -> bool:
    """Whether to ask how far it is, and go on, may help."""
    if isinstance(error, NoAnswer):
        return True
    return not isinstance(error, NotFound) and (error.code in _BETWEEN or error.status in (502, 503, 504))


def _new_key() -> str:
    return f'"{uuid.uuid4()}"'
