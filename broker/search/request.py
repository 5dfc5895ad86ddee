"""What is asked for, and its bounds."""

from dataclasses import dataclass, field
from typing import Any

from broker.errors import InvalidInput

#: Characters of a query, and results of one: what the API's schema promises.
MAX_QUERY, MAX_LIMIT = 500, 100
#: Relevance of a hit that is as likely meant as not: below it nothing is answered unless asked for.
LEAST_RELEVANCE = 0.5
#: How far into an answer anybody pages.
MAX_FOUND = 10_000
#: Seconds that a search may take, and one that waits for a process that starts, or reads what it is to search.
TIMEOUT, PATIENCE = 2.0, 10.0
#: Seconds that a search with a picture may take: the first loads the model.
PICTURE_TIMEOUT = 20.0


@dataclass(frozen=True, slots=True)
class SearchRequest:
    """What is sought, in whose media: words, what is like a file or like a picture, or words and one of these."""

    tenant: str
    query: str = ""
    #: One kind of media, or ``None`` for all.
    entity_type: str | None = None
    limit: int = 20
    #: Cosine below which nothing is answered, or ``None`` for no threshold.
    min_similarity: float | None = None
    #: Relevance below which nothing is answered.
    min_relevance: float = 0.0
    #: The id of a file that is embedded, and the storage key of a picture that is not.
    like: str = ""
    picture: str = ""
    #: Members of ``Narrowing``.
    narrowing: dict[str, Any] = field(default_factory=dict)
    #: Where the answer goes on, as the part before it said.
    after: list[Any] | None = None


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


def check(request: SearchRequest) -> None:
    """Bounds what goes over the wire: raises ``InvalidInput``."""
    errors = []
    if len(request.query) > MAX_QUERY or not (request.query.strip() or request.like or request.picture):
        errors.append({"pointer": "q", "detail": f"must be 1 to {MAX_QUERY} characters"})
    if not 1 <= request.limit <= MAX_LIMIT:
        errors.append({"pointer": "limit", "detail": f"must lie between 1 and {MAX_LIMIT}"})
    if errors:
        raise InvalidInput("The search is not valid.", errors=errors)
