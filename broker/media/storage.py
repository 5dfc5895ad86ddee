"""The storage interface: where media bytes live, whatever that is, and what a key looks like."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, NamedTuple, Protocol

from broker.errors import NotFound, Unavailable
from broker.media.resumable import Resumable

#: What S3 allows for a whole key, and ordinary file systems for one part of it, in UTF-8 bytes.
MAX_KEY, MAX_PART = 1024, 255
#: Bytes moved at a time between a stream and a store.
CHUNK = 1024 * 1024
MISSING = "There is no stored file of this name."


class InvalidKey(NotFound, ValueError):
    """No stored object can have this key."""


def unavailable() -> Unavailable:
    """What a caller learns of any failure; paths, buckets and hosts stay with the cause, in the log."""
    return Unavailable("The media storage cannot be used right now; try again later.", retry_after=5)


@dataclass(frozen=True, slots=True)
class StoredObject:
    """One object's size in bytes and its entity tag, which changes when the bytes do."""

    size: int
    etag: str


class Aged(NamedTuple):
    """An object, and for how many seconds at least it has been as it is, on the storage's own clock."""

    key: str
    seconds: float


#: Of some keys of objects that are being written, those that somebody will go on with.
Live = Callable[[Sequence[str]], set[str]]


class Storage(Protocol):
    """Keys are slash-separated names made by us (``tenant/media id/...``); no part starts with a dot.

    Every object appears whole or not at all. A missing key raises ``NotFound``, an impossible one its subclass
    ``InvalidKey``; a backend that cannot be used raises ``Unavailable``, a full one its subclass ``StorageFull``.
    Nothing ever holds a whole file in memory.
    An object must not be stored below another one (``a`` and ``a/b``).
    """

    @property
    def resumable(self) -> Resumable:
        """Objects that grow over hours, by whoever goes on with them."""

    def put(self, key: str, source: BinaryIO) -> int:
        """Transitions everything that ``source`` reads; returns the number of bytes. Replaces an object atomically."""

    def put_file(self, key: str, path: Path) -> int:
        """Transitions the file at ``path`` (left in place); returns the number of bytes."""

    def open(self, key: str, start: int = 0, length: int | None = None) -> BinaryIO:
        """A readable stream of the object from byte ``start``, ``length`` bytes of it or all the rest.

        What lies past the end is left out: a ``start`` there reads as empty.
        """

    def stat(self, key: str) -> StoredObject:
        """Size and entity tag."""

    def link(self, key: str, seconds: int, content_type: str) -> str | None:
        """A URL that opens the object for so long, as that type, for whoever has it; ``None`` where there is none."""

    def local_file(self, key: str) -> AbstractContextManager[Path]:
        """The object as a read-only file on this machine while the context lasts (downloaded where need be)."""

    def keys(self, prefix: str) -> Iterator[str]:
        """All keys below ``prefix`` (which ends with a slash), in order."""

    def check(self, *, thoroughly: bool = False) -> None:
        """Raise ``Unavailable`` unless objects can be stored, as far as that is told in seconds and leaves nothing.

        ``thoroughly`` stores one, where anything less is a guess.
        """

    def delete(self, prefix: str, most: int | None = None) -> int:
        """Remove the object ``prefix``, or with a trailing slash everything below it; returns how many went.

        Below a prefix, no more than ``most``.
        """

    def delete_keys(self, keys: Sequence[str]) -> None:
        """Remove these objects, as far as they are there."""

    def walk(self) -> Iterator[Aged]:
        """All objects, those of one folder next to each other, each folder read while it is walked through.

        Whatever is stored or removed meanwhile may be among them or not.
        """

    def remove_unfinished(self, seconds: float, live: Live) -> int:
        """Remove what writers have left that have died, once nothing was added for so long; returns how many.

        What is ``resumable`` and ``live`` stays.
        """


def check_key(key: str) -> None:
    """Raise ``InvalidKey`` unless every part of ``key`` is an ordinary name that means the same in every store."""
    parts = key.split("/")
    if len(key.encode(errors="replace")) > MAX_KEY or not all(map(_is_name, parts)):
        raise InvalidKey()


def check_prefix(prefix: str) -> None:
    """Raise ``InvalidKey`` unless ``prefix`` is a key with a slash behind it."""
    if not prefix.endswith("/"):
        raise InvalidKey("A prefix ends with a slash.")
    check_key(prefix.removesuffix("/"))


def check_range(start: int, length: int | None) -> None:
    """Raise ``ValueError`` for a range that counts backwards."""
    if start < 0 or (length is not None and length < 0):
        raise ValueError(f"start {start} and length {length} must not be negative")


def _is_name(part: str) -> bool:
    return (
        bool(part)
        and part.isprintable()
        and not part.startswith(".")
        and "\\" not in part
        and len(part.encode()) <= MAX_PART
    )
