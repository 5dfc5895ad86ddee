"""Pages of what a search has found: narrowed, counted, equal files as one."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, NamedTuple

from broker.search.request import MAX_FOUND
from handlers.embedding.index.ranking import Match
from handlers.embedding.search.facts import Facts


@dataclass(slots=True)
class Chosen:
    """One hit of a page."""

    match: Match
    facts: Facts
    #: (id, name) of files with the same bytes.
    duplicates: list[tuple[str, str]] = field(default_factory=list)


class Same(NamedTuple):
    """What tells that files are the same, and whether they are there."""

    #: What files with the same bytes have in common, if it is known of this one.
    digest: Callable[[str], bytes | None]
    #: All matches that have it, best first, where there are more than one.
    copies: Callable[[bytes], Sequence[Match]]
    #: What is known now of those of these files that there are.
    fresh: Callable[[Sequence[str]], dict[str, Facts]]


def page(
    matches: Iterable[Match], limit: int, after: Sequence[Any] | None, same: Same
) -> tuple[list[Chosen], Match | None]:
    """``limit`` hits that still exist, from a place on, and the last match that was looked at if there are more hits.

    Of equal files the best match is the hit, on whatever page, and all others are among its duplicates, wherever they
    stand. ``matches`` come best first.
    """
    hits: list[Chosen] = []
    seen: set[bytes] = set()
    rest = _rest(matches, None if after is None else Match(*after), same, seen)
    last = None
    while len(hits) < limit and (some := list(islice(rest, limit - len(hits)))):
        facts = same.fresh([match.entity_id for match in some])
        for match in some:
            last = match
            digest = same.digest(match.entity_id)
            if match.entity_id not in facts or digest in seen:
                continue
            hits.append(Chosen(match, facts[match.entity_id]))
            if digest is not None:
                seen.add(digest)
    _add_copies(hits, same)
    return hits, last if next(rest, None) is not None else None


def _rest(matches: Iterable[Match], place: Match | None, same: Same, seen: set[bytes]) -> Iterator[Match]:
    """Those behind a place that are equal to none that is ``seen`` by then, as all up to that place are."""
    for match in matches:
        digest = same.digest(match.entity_id)
        if digest in seen:
            continue
        if place is None or match < place:
            yield match
        elif digest is not None:
            seen.add(digest)


def _add_copies(hits: Sequence[Chosen], same: Same) -> None:
    equal = {}
    for hit in hits:
        digest = same.digest(hit.match.entity_id)
        copies = same.copies(digest) if digest is not None else ()
        if others := [each.entity_id for each in copies if each.entity_id != hit.match.entity_id]:
            equal[hit.match.entity_id] = others
    facts = same.fresh([each for others in equal.values() for each in others]) if equal else {}
    for hit in hits:
        others = equal.get(hit.match.entity_id, [])
        hit.duplicates += [(each, facts[each].filename) for each in others if each in facts]


def counted_ahead(matches: Iterator[Match]) -> list[Match]:
    """Those whose number is told: all, up to what anybody pages through."""
    return list(islice(matches, MAX_FOUND))
