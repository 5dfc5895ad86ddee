"""Which of a tenant's files have the very same bytes, as far as their digests are known."""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import islice

#: Seconds for which who has none is asked for again, and between two such questions: a task tells the digest of a file
#: when it ends, moments after it has stored its vectors.
_ASKED_FOR, _BETWEEN = 60.0, 1.0
#: Files that are asked for at once: milliseconds.
_AT_ONCE = 500
#: What a file costs whose digest is known, and another as long as it is asked for (measured).
_KNOWN_BYTES, _UNKNOWN_BYTES = 156, 40

#: The digests (SHA-256 in hexadecimal digits) of those of these files whose is known, by their ids.
Digests = Callable[[Sequence[str]], Mapping[str, str]]


class Copies:
    """Files by their bytes."""

    def __init__(self, digests: Digests) -> None:
        self._digests = digests
        self._digest_of: dict[str, bytes] = {}
        #: The first file of a digest, and all others, where there are some: most have none.
        self._first: dict[bytes, str] = {}
        self._others: dict[bytes, set[str]] = {}
        #: Those without a digest, until when they are asked for again.
        self._unknown: dict[str, float] = {}
        self._asked_at = time.monotonic()

    @property
    def nbytes(self) -> int:
        """Bytes of memory, more or less."""
        return _KNOWN_BYTES * len(self._digest_of) + _UNKNOWN_BYTES * len(self._unknown)

    def put(self, entity_ids: Sequence[str]) -> None:
        """Takes files that are not among these."""
        self._ask(entity_ids, time.monotonic() + _ASKED_FOR)

    def remove(self, entity_id: str) -> None:
        """Forgets a file, which may not be among these."""
        self._unknown.pop(entity_id, None)
        if (digest := self._digest_of.pop(entity_id, None)) is None:
            return
        others = self._others.get(digest, set())
        if self._first[digest] != entity_id:
            others.discard(entity_id)
        elif others:
            self._first[digest] = others.pop()
        else:
            del self._first[digest]
        if not others:
            self._others.pop(digest, None)

    def ask_again(self) -> None:
        """For some of those without a digest, now and then."""
        if not self._unknown or time.monotonic() < self._asked_at + _BETWEEN:
            return
        self._asked_at = time.monotonic()
        some = [(each, self._unknown.pop(each)) for each in list(islice(self._unknown, _AT_ONCE))]
        for until in dict.fromkeys(until for _, until in some):
            self._ask([each for each, its_end in some if its_end == until], until)

    def digest(self, entity_id: str) -> bytes | None:
        """What files with the same bytes have in common."""
        return self._digest_of.get(entity_id)

    def of(self, digest: bytes) -> Iterable[str]:
        """All files with it."""
        first = self._first.get(digest)
        return () if first is None else (first, *self._others.get(digest, ()))

    def _ask(self, entity_ids: Sequence[str], until: float) -> None:
        known = self._digests(entity_ids)
        for each in entity_ids:
            if digest := bytes.fromhex(known.get(each, "")):
                self._digest_of[each] = digest
                if self._first.setdefault(digest, each) != each:
                    self._others.setdefault(digest, set()).add(each)
            elif time.monotonic() < until:
                self._unknown[each] = until
