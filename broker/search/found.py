"""What is answered."""

from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from typing import Any


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
class Hit:
    """A media file that matches; ``similarity`` is the cosine (-1 to 1) of its best part."""

    entity_type: str
    entity_id: str
    filename: str
    similarity: float
    #: How likely it is meant, 0 to 1; ``None`` where that is not known of the model.
    relevance: float | None = None
    #: The best places in it, best first: ``Place`` as JSON has it.
    places: list[dict[str, Any]] = field(default_factory=list)
    #: Files with the same bytes that match as well: ``{"entity_id", "filename"}`` each.
    duplicates: list[dict[str, str]] = field(default_factory=list)

    def members(self) -> dict[str, Any]:
        """By their names. Nothing is copied, as by ``dataclasses.asdict``: that took a quarter of making an answer."""
        return {name: getattr(self, name) for name in HIT}


#: The names of its members.
HIT = tuple(each.name for each in fields(Hit))


@dataclass(frozen=True, slots=True)
class Found:
    """One part of an answer, best first, of so many in all."""

    hits: Sequence[Hit]
    total: int
    #: Where the next part begins, as ``SearchRequest.after`` has it; ``None`` at the end.
    after: list[Any] | None = None
    #: The generation of vectors that was searched first, and how many files could not be searched at all, as they have
    #: vectors of others alone that queries cannot be embedded for.
    generation: str | None = None
    missing: int = 0
    #: Whether there are no more than ``total``.
    exact: bool = True
