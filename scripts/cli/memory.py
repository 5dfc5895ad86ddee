"""What outlives a command: this machine's signing secret, after which event to go on, and half done uploads."""

import base64
import json
import os
import secrets
import time
from collections.abc import Mapping
from contextlib import suppress
from hashlib import sha256
from pathlib import Path

from scripts.cli.failure import Failure

#: Seconds for which an upload that nobody goes on with is remembered; gateways keep most for a day.
_KEPT_SECONDS = 30 * 86400


class Memory:
    """A folder of files that only their owner may read."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        """Below ``XDG_STATE_HOME``, as its specification says."""
        base = environ.get("XDG_STATE_HOME", "")
        self._folder = (Path(base) if base.startswith("/") else Path.home() / ".local" / "state") / "mindia"

    def secret(self) -> str:
        """``whsec_`` and 32 random bytes in base64, the same every time."""
        path = self._folder / "webhook_secret"
        if not (found := _read(path)):
            found = f"whsec_{base64.b64encode(secrets.token_bytes(32)).decode()}"
            self._write(path, found)
        return found

    def place(self, *listener: str) -> str:
        """The id of the last event that this listener was told; empty for one that begins."""
        with suppress(ValueError, TypeError, KeyError):
            return str(json.loads(_read(self._path(listener)))["last_id"])
        return ""

    def keep_place(self, last_id: str, *listener: str) -> None:
        """Raises ``Failure`` where nothing can be written."""
        self._write(self._path(listener), json.dumps({"listener": listener, "last_id": last_id}))

    def upload(self, *fingerprint: str) -> str:
        """Where an upload is that has not ended; empty for one that begins."""
        with suppress(ValueError, TypeError, KeyError):
            return str(json.loads(_read(self._path(fingerprint, "upload")))["place"])
        return ""

    def keep_upload(self, place: str, *fingerprint: str) -> None:
        """Raises ``Failure`` where nothing can be written."""
        self._write(self._path(fingerprint, "upload"), json.dumps({"upload": fingerprint, "place": place}))
        with suppress(OSError):
            for path in self._folder.glob("upload-*.json"):
                if path.stat().st_mtime < time.time() - _KEPT_SECONDS:
                    path.unlink()

    def forget_upload(self, *fingerprint: str) -> None:
        with suppress(OSError):
            self._path(fingerprint, "upload").unlink()

    def _path(self, words: tuple[str, ...], what: str = "listen") -> Path:
        return self._folder / f"{what}-{sha256(json.dumps(words).encode()).hexdigest()[:16]}.json"

    def _write(self, path: Path, text: str) -> None:
        new = path.with_name(f"{path.name}.{os.getpid()}.new")
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
                file.write(text)
            new.replace(path)
        except OSError as error:
            raise Failure(f"{path} cannot be written ({error.strerror}): set XDG_STATE_HOME to a folder.") from error


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        return ""
