"""Walks through folders, in the order that S3 lists keys in, or in bounded memory."""

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from broker.media.os_errors import reading
from broker.media.storage import Aged


def walk(folder: Path, prefix: str) -> Iterator[str]:
    """Keys of the files below ``folder`` in the order of their text, which is S3's: ``a-b`` before ``a/b``."""
    try:
        entries = [entry for entry in os.scandir(folder) if not entry.name.startswith(".") and not entry.is_symlink()]
    except (FileNotFoundError, NotADirectoryError):
        return
    for entry in sorted(entries, key=lambda entry: f"{entry.name}/" if entry.is_dir() else entry.name):
        if entry.is_dir():
            yield from walk(Path(entry.path), f"{prefix}{entry.name}/")
        else:
            yield f"{prefix}{entry.name}"


def walk_unsorted(folder: str | Path, prefix: str, now: float) -> Iterator[Aged]:
    """The files below ``folder``, each folder read piece by piece, however many it holds."""
    with reading():
        try:
            entries = os.scandir(folder)
        except (FileNotFoundError, NotADirectoryError):  # removed meanwhile
            return
        with entries:
            for entry in entries:
                if entry.name.startswith(".") or entry.is_symlink():
                    continue
                if entry.is_dir():
                    yield from walk_unsorted(entry.path, f"{prefix}{entry.name}/", now)
                else:
                    with suppress(FileNotFoundError):
                        yield Aged(f"{prefix}{entry.name}", now - entry.stat().st_mtime)
