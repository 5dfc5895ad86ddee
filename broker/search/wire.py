"""What goes over the wire, and how long it stays there."""

import json

from broker.errors import InvalidInput, NotIndexed, TaskBrokerError, Unavailable, UnsupportedMedia
from broker.search.found import HIT, Found, Hit

#: Seconds that requests and answers are kept when nobody fetches them: longer than anybody waits for one.
KEPT = 30
#: Seconds that the last sign of life of a search process is remembered: its remaining time tells its age.
REMEMBERED = 3600.0
#: What a search process may answer instead, by the code.
_REFUSALS: dict[str, type[TaskBrokerError]] = {
    each.code: each for each in (NotIndexed, UnsupportedMedia, Unavailable, InvalidInput)
}
#: Instead of an answer: why is in the search process' log.
FAILED = json.dumps({"hits": None})


def encode(found: Found) -> str:
    """An answer. Raises ``TypeError``, ``ValueError`` or ``AttributeError`` for what cannot go over the wire."""
    others = {name: getattr(found, name) for name in ("total", "after", "generation", "missing", "exact")}
    return json.dumps({"hits": [hit.members() for hit in found.hits], "refused": None, **others}, allow_nan=False)


def encode_refusal(error: TaskBrokerError) -> str:
    return json.dumps({"hits": None, "refused": [error.code, error.message, error.extra]})


def decode(text: str) -> Found:
    """An answer; what another release says besides is left out.

    Raises what was refused, and ``TypeError``, ``ValueError``, ``LookupError`` or ``AttributeError`` for what is no
    answer: a query that failed, or what a foreign hand wrote.
    """
    answer = json.loads(text)
    if answer.get("refused"):
        code, message, extra = answer["refused"]
        raise _REFUSALS.get(code, Unavailable)(message, **extra)
    if answer["hits"] is None:
        raise ValueError("the query has failed")
    hits = [Hit(**{name: value for name, value in hit.items() if name in HIT}) for hit in answer["hits"]]
    generation, missing, exact = answer.get("generation"), answer.get("missing", 0), answer.get("exact", True)
    return Found(hits, answer.get("total", len(hits)), answer.get("after"), generation, missing, exact)
