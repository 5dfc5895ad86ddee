"""Pages of what a search has found: narrowed, counted, equal files as one."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from broker.search.request import MAX_FOUND
from handlers.embedding.index.ranking import Match
from handlers.embedding.search.facts import Facts

#: Equal files that are looked for behind a page: each is asked for by itself.
_MOST_EQUAL = 100


@dataclass(slots=True)
class Chosen:
    """One hit of a page."""

    match: Match
    facts: Facts
    #: (id, name) of files with the same bytes.
    duplicates: list[tuple[str, str]] = field(default_factory=list)


def page(
    matches: Iterable[Match],
    limit: int,
    after: Sequence[Any] | None,
    fresh: Callable[[Sequence[str]], dict[str, Facts]],
) -> tuple[list[Chosen], Match | None]:
    """``limit`` hits that still exist, from a place on, and the last match that was looked at if there are more.

    Files that are equal to one of them and follow right behind are among its duplicates. ``matches`` come best first.
    ``fresh`` tells what is known now of those that are about to be answered.
    """
    hits: list[Chosen] = []
    same: dict[tuple[int, str], Chosen] = {}
    rest = iter(matches) if after is None else _behind(matches, Match(*after))
    last = None
    while len(hits) < limit and (some := list(islice(rest, limit - len(hits)))):
        facts = fresh([match.entity_id for match in some])
        for match in some:
            last = match
            if match.entity_id in facts:
                _take(Chosen(match, facts[match.entity_id]), hits, same)
    for match in islice(rest, _MOST_EQUAL):
        known = fresh([match.entity_id]).get(match.entity_id)
        if known and (known.size, known.sha256) not in same:
            return hits, last
        last = match
        if known:
            _take(Chosen(match, known), hits, same)
    return hits, last if next(rest, None) is not None else None


def _take(found: Chosen, hits: list[Chosen], same: dict[tuple[int, str], Chosen]) -> None:
    facts = found.facts
    first = same.setdefault((facts.size, facts.sha256), found) if facts.sha256 else found
    if first is found:
        hits.append(found)
    else:
        first.duplicates.append((found.match.entity_id, facts.filename))


def _behind(matches: Iterable[Match], place: Match) -> Iterator[Match]:
    return (match for match in matches if match < place)


def counted_ahead(matches: Iterator[Match]) -> list[Match]:
    """Those whose number is told: all, up to what anybody pages through."""
    return list(islice(matches, MAX_FOUND))
