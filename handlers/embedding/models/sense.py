"""Whether a query means anything to the model that embeds it.

A model reads words as pieces that it has learned. What it has never seen falls apart into letters, and the vector of
letters is near to whatever it happens to be near to: only the words as they are written can find such a thing. Letters
that a model does not take apart so far lie, by its vectors, where others lie that mean nothing.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from handlers.embedding.index.words import STOP
from handlers.embedding.models.labels import SOME, LabelTable

Vectors = NDArray[np.float32]

#: Latin letters only: a model of one language takes other scripts apart, too, and may know them all the same.
_WORD = re.compile("[a-z]+")
#: Letters of a piece, on average, below which nothing was recognised. By the bundled model none of 201 queries in plain
#: English has so few, and 865 of 1,000 made of random letters have.
_FEWEST_LETTERS = 1.95
#: Log odds that are taken from what is found by letters in which nothing was recognised.
SENSELESS = 10.0
#: Letters, and syllables, by chance: no vocabulary has them.
_MEANINGLESS = (
    "wwulweumpe hcvsbzzrqe vba puipfg mrlhzzv ifhbtkw barfybjsk uhcizt dsam eoletdqdkf wzpzaez bdla vkbfqajq "
    "ymowe ifpse rkmcbc gsgvphe dmqq hxfa kgbhnzc xzrrp pymji aqm izbotxt uxjrx yamarjabc zwsk lvctapmfsm "
    "gahrfexrlx kgqutfff fdjxbbzv lhfk vonyyona lupizuby qoja kecyfo zuzy dyjeti bowy heli vuyeqyka qesojy quxy "
    "nonyjazy jeqa wilybi dasiwolo jara wigo vyvy soxydesu mywyhuvu myquji wulu jowava qawavowu taha soqikote "
    "rovife yaleba geby nypeyo tyxa yijyvobo"
)
#: Part of the way from words to these that a query may go, and log odds that the whole way costs: so chosen that hardly
#: any query of one English word loses what it finds.
_TOLERATED, _DOUBT = 0.3, 7.0


def makes_sense(query: str, pieces: Callable[[str], int]) -> bool:
    """``pieces`` tells into how many the model cuts a word, 0 of one that it knows nothing of (a sign, say).

    Without words in Latin letters a query is taken as it is, if the model knows anything of it: what it knows nothing
    of is all the same to it.
    """
    words = [word for word in _WORD.findall(query.lower()) if word not in STOP]
    if not words:
        return not query or any(map(pieces, query.split()))
    cut = sum(map(pieces, words))
    return 0 < cut * _FEWEST_LETTERS <= sum(map(len, words))


@dataclass(frozen=True, slots=True)
class Nonsense:
    """The way from words to letters that mean nothing, in the space of one model."""

    #: (dimensions,); a query's product with it, less ``start``, is 0 where words are on average, 1 where letters are.
    way: Vectors
    start: float

    @classmethod
    def by(cls, labels: LabelTable) -> "Nonsense":
        """Of the model of these labels, whose names are words."""
        meant = labels.encode([labels.name(label) for label in SOME]).mean(axis=0)
        way = labels.encode(_MEANINGLESS.split()).mean(axis=0) - meant
        way /= way @ way
        return cls(way, float(meant @ way))

    def doubt(self, query: Vectors) -> float:
        """Log odds that are taken from what is found by the query's vector alone."""
        return _DOUBT * max(0.0, float(query @ self.way) - self.start - _TOLERATED)
