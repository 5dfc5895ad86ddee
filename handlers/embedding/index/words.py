"""The words of one tenant's media, found as they are written: names, passages, what is said, what a picture shows.

Vectors know what words mean, but not a number on an invoice or a name that no model has learned. The index is SQLite's
FTS5 in memory, which keeps no text: 100,000 passages take 10 MB, and a word is found in milliseconds.
"""

import sqlite3
from collections.abc import Callable, Iterable, Sequence
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from handlers.embedding.index.folding import indexed, words_of

#: Numbers of texts, and their shares of a query.
Shares = tuple[NDArray[np.intp], NDArray[np.float64]]

#: English stems; accents and case make no difference. Vowels that are written as marks belong to their words.
_TOKENIZER = "porter unicode61 categories 'L* N* Co M*'"
_TABLE = f"CREATE VIRTUAL TABLE texts USING fts5(text, content='', detail=none, tokenize=\"{_TOKENIZER}\")"
_FIND = "SELECT rowid FROM texts WHERE texts MATCH ? LIMIT ?"
#: A word that stands in more texts than this tells little, and takes long to look up.
_TOO_MANY = 1000
#: Share of a query below which a text has too little of it to count, and to count as having some of it.
_LEAST_SHARE, _LEAST_PART = 0.4, 0.2
#: Entities that count for having some of it: each takes as long to compare as a hit.
_MOST_PARTLY = 100
#: Words of a query that are looked up.
_MOST_WORDS = 32
#: Bytes that a text costs beside SQLite's pages.
_ROW_BYTES = 16
#: What stands in every text and names nothing.
STOP = frozenset(
    {"a", "an", "the", "and", "or", "of", "in", "on", "at", "to", "for", "with", "by", "from", "into"}
    | {"over", "under", "as", "is", "are", "was", "were", "be", "it", "its", "this", "that", "these"}
    | {"those", "i", "me", "my", "he", "she", "his", "her", "they", "them", "their", "we", "our", "you"}
    | {"your", "who", "what", "where", "when", "which", "how", "do", "does", "not", "no", "one", "some"}
    | {"ein", "eine", "einen", "einem", "der", "die", "das", "den", "dem", "und", "oder", "im", "am"}
    | {"auf", "mit", "von", "zu", "le", "la", "les", "un", "une", "des", "du", "de", "et", "el", "los"}
    | {"y"}
)
#: What stands in most sentences besides, and is looked up only where a query has nothing else.
_COMMON = frozenset(
    {"about", "after", "again", "all", "am", "another", "any", "because", "been", "before", "being", "between", "both"}
    | {"but", "can", "could", "did", "does", "done", "during", "each", "few", "get", "give", "given", "had", "has"}
    | {"have", "having", "here", "him", "if", "just", "let", "make", "many", "may", "might", "more", "most", "much"}
    | {"must", "no", "nor", "off", "once", "only", "other", "out", "own", "same", "shall", "should", "so", "some"}
    | {"such", "than", "then", "there", "through", "too", "until", "up", "us", "use", "used", "very", "while", "why"}
    | {"will", "without", "would", "yet"}
)


class Words:
    """Texts of any number of entities."""

    def __init__(self) -> None:
        #: Of each text that ever came: whose it is, in the order of SQLite's row numbers.
        self._owners: list[str] = []
        #: The row numbers of each entity that is left.
        self._rows: dict[str, range] = {}
        self._removed = 0
        #: The last query, of how many texts, and what has some of it: what its hits have is asked right behind it.
        self._asked = "", 0
        self._found: Shares = np.empty(0, np.intp), np.empty(0)

    @cached_property
    def _database(self) -> sqlite3.Connection:
        database = sqlite3.connect(":memory:", isolation_level=None)
        database.execute(_TABLE)
        return database

    @property
    def nbytes(self) -> int:
        """Bytes of memory, more or less."""
        if not self._owners:
            return 0
        pages, size = (self._database.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "page_size"))
        return int(pages * size) + _ROW_BYTES * len(self._owners)

    @property
    def wasteful(self) -> bool:
        """Texts of entities that are gone, which SQLite cannot forget without knowing them, outnumber the others."""
        return 2 * self._removed > len(self._owners) > _TOO_MANY

    def add(self, texts: Iterable[tuple[str, Sequence[str]]]) -> None:
        """Takes (entity, its texts); of an entity that is there already, ``remove`` the old ones first.

        They are found at once. ``commit`` when no more are to come: FTS5 makes a segment of its index of each
        transaction, and merging them takes a quarter of the time that passages take.
        """
        rows: list[tuple[int, str]] = []
        for entity_id, each in texts:
            first = len(self._owners)
            rows += [(first + number, indexed(text)) for number, text in enumerate(each)]
            if each:
                self._owners.extend([entity_id] * len(each))
                self._rows[entity_id] = range(first, len(self._owners))
        if rows:
            if not self._database.in_transaction:
                self._database.execute("BEGIN")
            self._database.executemany("INSERT INTO texts(rowid, text) VALUES (?, ?)", rows)

    def commit(self) -> None:
        """Ends a transaction, if one was begun."""
        if self._owners:
            self._database.commit()

    def remove(self, entity_id: str) -> None:
        """Forgets an entity, if it is there."""
        self._removed += len(self._rows.pop(entity_id, ()))

    def covered(self, query: str, partly: Callable[[str], bool] = lambda entity_id: False) -> dict[str, float]:
        """How much of the query one text of an entity has, 0.4 to 1; a rare word weighs more than a common one.

        Of the entities that have less, those of which ``partly`` holds count from 0.2 on, the 100 that have most.
        """
        rows, sums = self._shares(query)
        best: dict[str, float] = {}
        much = sums >= _LEAST_SHARE
        for row, share in zip(rows[much].tolist(), sums[much].tolist(), strict=True):
            owner = self._owners[row]
            if self._is_of(row, owner):
                best[owner] = max(share, best.get(owner, 0.0))
        left = _MOST_PARTLY
        some = np.flatnonzero((sums >= _LEAST_PART) & ~much)
        for at in some[np.argsort(-sums[some], kind="stable")].tolist():
            owner = self._owners[rows[at]]
            if owner not in best and partly(owner) and self._is_of(rows[at], owner):
                best[owner] = float(sums[at])
                left -= 1
                if not left:
                    break
        return best

    def shares(self, query: str, entity_ids: Iterable[str]) -> dict[str, NDArray[np.float64]]:
        """(texts,) of each of these entities, in the order of ``add``: how much of the query each has, 0.2 on or 0."""
        rows, sums = self._shares(query)
        rows, sums = rows[sums >= _LEAST_PART], sums[sums >= _LEAST_PART]
        found: dict[str, NDArray[np.float64]] = {}
        for entity_id in entity_ids:
            own = self._rows.get(entity_id, range(0))
            first, last = np.searchsorted(rows, (own.start, own.stop))
            found[entity_id] = np.zeros(len(own))
            found[entity_id][rows[first:last] - own.start] = sums[first:last]
        return found

    def _shares(self, query: str) -> Shares:
        """The rows that have some of the query, in order, and how much; those of what was removed among them."""
        if (asked := (query, len(self._owners))) != self._asked:
            self._asked, self._found = asked, self._look_up(query)
        return self._found

    def _look_up(self, query: str) -> Shares:
        asked = dict.fromkeys(words_of(query))
        words = [word for word in asked if word not in STOP]
        words = [word for word in words if word not in _COMMON] or words
        found = [self._find(word) for word in words[:_MOST_WORDS]] if self._rows else []
        telling = [rows for rows in found if len(rows) <= _TOO_MANY]
        weights = [np.log(1 + len(self._owners) / (len(rows) + 0.5)) for rows in telling]
        if not any(map(len, telling)):
            return np.empty(0, np.intp), np.empty(0)
        rows, at = np.unique(np.concatenate(telling), return_inverse=True)
        return rows, np.bincount(at, np.repeat(weights, [len(each) for each in telling])) / sum(weights)

    def _is_of(self, row: int, entity_id: str) -> bool:
        """Whether it is a text that the entity still has."""
        return row in self._rows.get(entity_id, ())

    def _find(self, word: str) -> NDArray[np.intp]:
        return np.array(self._database.execute(_FIND, (f'"{word}"', _TOO_MANY + 1)).fetchall(), np.intp).reshape(-1)
