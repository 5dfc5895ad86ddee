"""Secrets that are made once and kept in ``DATA_DIR``, readable by their owner alone."""

import os
import secrets
from pathlib import Path


def keep(path: Path) -> str:
    """The secret in ``path``; a new one of 192 bits on the first call."""
    try:
        secret = path.read_text(encoding="ascii").strip()
    except FileNotFoundError:
        secret = ""
    if not secret:
        secret = secrets.token_urlsafe(24)
        write_private(path, secret)
    return secret


def write_private(path: Path, text: str) -> None:
    """Puts ``text`` into a file of mode 0600, whole or not at all."""
    new = path.with_name(f"{path.name}.{os.getpid()}.new")
    new.unlink(missing_ok=True)
    with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
    new.replace(path)
