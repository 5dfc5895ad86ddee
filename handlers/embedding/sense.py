"""Whether a query means anything to the model that embeds it.

A model reads words as pieces that it has learned. What it has never seen falls apart into letters, and the vector of
letters is near to whatever it happens to be near to: only the words as they are written can find such a thing.
"""

import re
from collections.abc import Callable

from handlers.embedding.words import STOP

#: Latin letters only: a model of one language takes other scripts apart, too, and may know them all the same.
_WORD = re.compile("[a-z]+")
#: Letters of a piece, on average, below which nothing was recognised. By the bundled model none of 201 queries in plain
#: English has so few, and 865 of 1,000 made of random letters have.
_FEWEST_LETTERS = 1.95


def makes_sense(query: str, pieces: Callable[[str], int]) -> bool:
    """``pieces`` tells into how many the model cuts a word; a query without any is taken as it is."""
    words = [word for word in _WORD.findall(query.lower()) if word not in STOP]
    if not words:
        return True
    return sum(map(len, words)) >= _FEWEST_LETTERS * sum(map(pieces, words))
