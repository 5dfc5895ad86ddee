"""Where in a file a search has found something, and why: its best parts, with the words of the query in them marked."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from broker.media.parts import NAME, Part
from broker.media.vectors import Embedding
from handlers.embedding.index.folding import bare, halves, shared, spans, words_of
from handlers.embedding.stop_words import STOP
from handlers.embedding.stored import unpacked
from handlers.embedding.unit import finite

#: Places of one file that are told, and how much less alike than its best they may be.
_MOST, _NEARLY = 3, 0.1
#: Two words count as forms of one when they begin with so many equal letters and end within so many.
_STEM, _ENDING = 4, 3


def places(
    query: str,
    vectors: NDArray[np.float32],
    embedding: Embedding,
    parts: Sequence[Part],
    filename: str,
    worth: NDArray[np.float64] | float = 0.0,
) -> list[dict[str, Any]]:
    """Up to three places, best first, as ``broker.search.found.Hit`` has them.

    ``vectors``, (queries, dimensions), are what was looked for; ``worth``, (parts,), is added to the cosine of each
    part for the words of the query in it. A name that has some comes first: what is shown is embedded together with
    it, so it may be all that was found.
    """
    rows = finite(unpacked(embedding.parts).astype(np.float32))
    if len(parts) != len(rows) or rows.shape[1] != vectors.shape[1]:
        return []
    cosines = (rows @ vectors.T).max(axis=1)
    scores = cosines + worth
    order = np.argsort(-scores)[:_MOST]
    found = [_place(query, parts[at], float(cosines[at])) for at in order if cosines[at] >= cosines[order[0]] - _NEARLY]
    if found and all(place["matched"] != NAME for place in found) and (marked := marks(query, filename)):
        named = {"matched": NAME, "similarity": found[0]["similarity"], "text": filename, "marks": marked}
        found = [{**found[0], **_NOWHERE, **named}, *found]
    return found[:_MOST]


#: A name stands nowhere in the file.
_NOWHERE = dict.fromkeys(("start", "end", "page", "offset"))


def _place(query: str, part: Part, similarity: float) -> dict[str, Any]:
    return {
        "matched": part.matched,
        "similarity": round(similarity, 4),
        "text": part.text or None,
        "marks": marks(query, part.text),
        **{name: getattr(part, name) for name in _NOWHERE},
    }


def marks(query: str, text: str) -> list[list[int]]:
    """[first character, the one after the last] of each word of ``text`` that is one of the query's, in some form.

    Words that stand everywhere (*the*) are marked only where the query has no others.
    """
    asked = {bare(word) for word in words_of(query)}
    wanted = asked - STOP or asked
    return list(_marks(wanted, text)) if wanted else []


def _marks(wanted: set[str], text: str) -> Iterator[list[int]]:
    by_stem: dict[str, list[str]] = {}
    for each in wanted:
        by_stem.setdefault(each[:_STEM], []).append(each)
    whole = dict(halves(text))
    for word in spans(text):
        forms = {bare(word[0]), bare(whole.get(word.start(), ""))}
        if any(form in wanted or any(_akin(form, each) for each in by_stem.get(form[:_STEM], ())) for form in forms):
            yield [word.start(), word.end()]
        else:
            yield from ([word.start() + begin, word.start() + end] for begin, end in shared(word[0], wanted))


def _akin(one: str, other: str) -> bool:
    shorter, longer = sorted((one, other), key=len)
    common = next(
        (at for at, pair in enumerate(zip(shorter, longer, strict=False)) if pair[0] != pair[1]), len(shorter)
    )
    return common >= _STEM and len(longer) - common <= _ENDING
