"""A large file, sent in pieces by tus 1.0 (tus.io): it goes on where it stopped, in this call and in the next."""

import base64
import hashlib
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from scripts.cli.api import Api, under
from scripts.cli.failure import CONFLICT, NO_SERVER, NOT_FOUND, OVER_LIMIT, Failure, Usage
from scripts.cli.memory import Memory

#: Bytes of a file above which it is sent so, and of one piece: the gateway keeps as much at a time.
LARGE = PIECE = 8 * 1024 * 1024
#: Seconds without progress after which it is left for another call; a pause between two tries.
PATIENCE, _LONGEST_PAUSE = 60.0, 5.0
_TUS = {"Tus-Resumable": "1.0.0"}
#: What is over when the gateway is asked how far it is.
_BETWEEN = frozenset({"offset_mismatch", "upload_locked", "checksum_mismatch"})


@dataclass(frozen=True)
class Source:
    """What is sent: a file, what it is, and what a form would have beside it."""

    path: Path
    kind: str
    words: Mapping[str, str]
    #: Tells this upload from others of the same file to the same gateway.
    asked: str

    def fingerprint(self, url: str) -> tuple[str, ...]:
        """The same for as long as the file is. Raises ``OSError``."""
        stat = self.path.stat()
        return url, str(self.path.resolve()), str(stat.st_size), str(stat.st_mtime_ns), self.kind, self.asked

    def metadata(self) -> str:
        """``Upload-Metadata``."""
        pairs = {"kind": self.kind, "filename": self.path.name, **self.words}
        encoded = ((name, base64.b64encode(text.encode(errors="replace")).decode()) for name, text in pairs.items())
        return ",".join(f"{name} {text}" for name, text in encoded)


def may_resume(api: Api) -> bool:
    """Whether the key may ask how far an upload is; one that may only write sends files whole."""
    return "read" in api.get("/api/me")["scopes"]


class Resumable:
    """One upload. ``on_sent`` is told how many bytes more (or, after a break, less) are there, ``say`` what happens."""

    def __init__(
        self, api: Api, memory: Memory, on_sent: Callable[[int], object], say: Callable[[str], object]
    ) -> None:
        self._api, self._memory = api, memory
        self._on_sent, self._say = on_sent, say
        self._offset = 0

    def send(self, source: Source) -> dict[str, Any]:
        """The media file that it became. Raises ``Failure``, ``OSError``."""
        fingerprint, size = source.fingerprint(self._api.access.url), source.path.stat().st_size
        place = self._begun(source, fingerprint, size)
        try:
            with source.path.open("rb") as file:
                upload = self._send(file, place, size)
        except KeyboardInterrupt:
            self._say(f"\nStopped at {self._percent(size)}; the same command goes on.")
            raise
        except Failure as failure:
            if failure.status in (NO_SERVER, OVER_LIMIT):
                words = f"{failure.message} {self._percent(size)} are there: the same command goes on."
                raise Failure(words, failure.status, problem=failure.problem) from failure
            if failure.status == NOT_FOUND or failure.problem.get("status") == 415:
                self._memory.forget_upload(*fingerprint)
            raise
        media: dict[str, Any] = self._api.get(upload["media_url"])
        self._memory.forget_upload(*fingerprint)
        return media

    def _begun(self, source: Source, fingerprint: tuple[str, ...], size: int) -> str:
        """Its path: of an earlier call that did not end, or of a new one."""
        place = self._memory.upload(*fingerprint)
        if place and (shown := self._shown(place)):
            self._move_to(shown["offset"])
            self._say(f"Going on with {source.path.name} at {self._percent(size)}.")
            return place
        key = hashlib.sha256(repr((fingerprint, time.time_ns())).encode()).hexdigest()
        headers = _TUS | {"Upload-Length": str(size), "Upload-Metadata": source.metadata(), **under(key)}
        place = f"/api/uploads/{self._api.call('POST', '/api/uploads', headers=headers)['id']}"
        with suppress(Failure):  # where nothing can be kept, this call alone goes on
            self._memory.keep_upload(place, *fingerprint)
        return place

    def _shown(self, place: str) -> dict[str, Any] | None:
        """``None`` for one that is given up, or was forgotten."""
        try:
            found: dict[str, Any] = self._api.get(place)
        except Failure as failure:
            if failure.status == NOT_FOUND:
                return None
            raise
        return found

    def _send(self, file: IO[bytes], place: str, size: int) -> dict[str, Any]:
        """The upload, once it is complete."""
        tries, end = 0, time.monotonic() + PATIENCE
        while True:
            try:
                if tries or self._offset >= size:
                    upload = self._api.get(place)
                    self._move_to(upload["offset"])
                    if upload["complete"]:
                        return dict(upload)
                self._send_piece(file, place, size)
            except Failure as failure:
                pause = _pause(failure, tries)
                if pause is None or time.monotonic() + pause > end:
                    raise
                if tries == 0 and failure.status == NO_SERVER:
                    self._say(f"{failure.message} Trying again.")
                tries += 1
                time.sleep(pause)
            else:
                tries, end = 0, time.monotonic() + PATIENCE

    def _send_piece(self, file: IO[bytes], place: str, size: int) -> None:
        file.seek(self._offset)
        piece = file.read(min(PIECE, size - self._offset))
        if not piece and self._offset < size:
            raise Usage("The file has become shorter while it was sent.")
        digest = base64.b64encode(hashlib.sha256(piece).digest()).decode()
        headers = _TUS | {
            "Upload-Offset": str(self._offset),
            "Upload-Checksum": f"sha256 {digest}",
            "Content-Type": "application/offset+octet-stream",
        }
        self._api.send("PATCH", place, data=piece, headers=headers)
        self._move_to(self._offset + len(piece))

    def _move_to(self, offset: int) -> None:
        self._on_sent(offset - self._offset)
        self._offset = offset

    def _percent(self, size: int) -> str:
        return f"{100 * self._offset // size} %"


def _pause(failure: Failure, tries: int) -> float | None:
    """Seconds until another try; ``None`` for what none would change."""
    problem = failure.problem
    passing = failure.status in (NO_SERVER, OVER_LIMIT) and problem.get("status") != 507
    if not passing and problem.get("code") not in _BETWEEN:
        return None
    if failure.status == CONFLICT and tries == 0:
        return 0.0  # only the offset was wrong
    asked, own = float(problem.get("retry_after", 0)), float(0.25 * 2**tries)
    return max(asked, min(_LONGEST_PAUSE, own))
