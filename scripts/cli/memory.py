"""What outlives one ``mindia listen``: this machine's signing secret, and after which event to go on."""

import base64
import json
import os
import secrets
from collections.abc import Mapping
from contextlib import suppress
from hashlib import sha256
from pathlib import Path

from scripts.cli.failure import Failure


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

    def _path(self, listener: tuple[str, ...]) -> Path:
        return self._folder / f"listen-{sha256(json.dumps(listener).encode()).hexdigest()[:16]}.json"

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
