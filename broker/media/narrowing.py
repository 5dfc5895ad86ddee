"""What a search is narrowed to, and what it answers."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Narrowing:
    """Only such files; ``None`` for any. What is not known of a file is within no bounds."""

    #: Microseconds since the epoch; bounds are among what is asked for.
    created_from: int | None = None
    created_until: int | None = None
    #: Bytes.
    min_size: int | None = None
    max_size: int | None = None
    #: Seconds.
    min_duration: float | None = None
    max_duration: float | None = None
    tag: str | None = None
    #: A part of the name, whatever its case.
    filename: str | None = None


@dataclass(frozen=True, slots=True)
class Place:
    """One place in a file that was found. What does not apply is ``None``."""

    #: Why: a word of ``broker.media.parts``.
    matched: str
    similarity: float
    #: The words there, and where in them those of the query stand: [first character, the one after the last] of each.
    text: str | None
    marks: list[list[int]]
    #: Seconds of a recording; ``end`` of what is said alone.
    start: float | None = None
    end: float | None = None
    #: Of a document with pages, from 1; characters before the passage in its page or text.
    page: int | None = None
    offset: int | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """One part of an answer, best first, of so many in all."""

    hits: Sequence[Any]
    total: int
    #: Where the next part begins, as ``SearchRequest.after`` has it; ``None`` at the end.
    after: list[Any] | None = None
    #: The generation of vectors that was searched first, and how many files could not be searched at all, as they have
    #: vectors of others alone that queries cannot be embedded for.
    generation: str | None = None
    missing: int = 0
    #: Whether there are no more than ``total``.
    exact: bool = True
