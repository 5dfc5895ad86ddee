"""What is known of files besides their vectors, by which a search is narrowed: read once, in slices, and kept."""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

from broker.search.request import Narrowing
from handlers.embedding.index.folding import fold

#: Files that are read at once: milliseconds.
_SLICE = 500
#: Seconds for which a length that is not known is taken to be unknown.
_LENGTHS_FOR = 30.0


class Facts(NamedTuple):
    """Of one file. Only the length can become known later."""

    created_us: int
    size: int
    filename: str
    tags: frozenset[str]
    #: Seconds, ``None`` as long as it is not known, and of what has no length.
    duration: float | None = None


#: The facts of those of a tenant's files that there are, by their ids.
FactsOf = Callable[[str, Sequence[str]], Mapping[str, Facts]]


class KnownFacts:
    """Of one tenant's files."""

    def __init__(self, tenant: str, facts_of: FactsOf, now: Callable[[], float] = time.monotonic) -> None:
        self._tenant, self._facts_of, self._now = tenant, facts_of, now
        self._lengths_at = now()
        self._known: dict[str, Facts] = {}

    def __getitem__(self, entity_id: str) -> Facts | None:
        return self._known.get(entity_id)

    def __len__(self) -> int:
        return len(self._known)

    def require(self, entity_ids: Iterable[str], narrowing: Narrowing) -> bool:
        """Whether those of all these files are known, maybe after one slice of work; ask again until they are.

        Others are forgotten.
        """
        wanted = set(entity_ids)
        by_length = narrowing.min_duration is not None or narrowing.max_duration is not None
        if by_length and self._now() - self._lengths_at > _LENGTHS_FOR:
            self._lengths_at = self._now()
            wanted_anew = [each for each, facts in self._known.items() if facts.duration is None]
            for each in wanted_anew:
                del self._known[each]
        for gone in self._known.keys() - wanted:
            del self._known[gone]
        missing = sorted(wanted - self._known.keys())
        if some := missing[:_SLICE]:
            found = self._facts_of(self._tenant, some)
            self._known |= {each: found.get(each, _GONE) for each in some}
        return len(missing) <= _SLICE


#: A file that is deleted by now: no narrowing has it.
_GONE = Facts(-1, -1, "", frozenset())


def fits(facts: Facts | None, narrowing: Narrowing) -> bool:
    """Whether a file is one of those that are asked for."""
    if facts is None or facts is _GONE:
        return False
    return (
        _within(facts.created_us, narrowing.created_from, narrowing.created_until)
        and _within(facts.size, narrowing.min_size, narrowing.max_size)
        and _within(facts.duration, narrowing.min_duration, narrowing.max_duration)
        and (narrowing.tag is None or narrowing.tag in facts.tags)
        and (narrowing.filename is None or fold(narrowing.filename) in fold(facts.filename))
    )


def _within(value: float | None, low: float | None, high: float | None) -> bool:
    if value is None:
        return low is None and high is None
    return (low is None or value >= low) and (high is None or value <= high)
