"""Whether a query means anything to the model that embeds it.

A model reads words as pieces that it has learned. What it has never seen falls apart into letters, and the vector of
letters is near to whatever it happens to be near to: only the words as they are written can find such a thing. Letters
that a model does not take apart so far lie, by its vectors, where others lie that mean nothing.
"""

import hashlib
import json
import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from handlers.embedding.models import kept
from handlers.embedding.models.labels import SOME, Encode, LabelTable
from handlers.embedding.stop_words import STOP
from handlers.embedding.unit import Vectors

#: Latin letters only, with accents or without: a model of one language takes other scripts apart, too, and may know
#: them all the same.
_WORD = re.compile("[a-z\u00df-\u00f6\u00f8-\u024f\u1e00-\u1eff]+")
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
#: Words of other languages, for models that may know them: by English ones alone they would look like letters.
_FOREIGN = (
    "Hund Katze Baum Haus Rechnung Urlaub Hochzeit Strand Berge Schmetterling Geburtstag Vertrag Steuererklärung "
    "Fahrrad Zug Winter Schnee Pferd Küche Gitarre Zebra Kürbis chien chat maison facture vacances mariage plage "
    "montagne papillon anniversaire contrat vélo neige cheval cuisine perro gato casa factura boda playa montaña "
    "mariposa cumpleaños contrato bicicleta nieve caballo cocina cane gatto fattura matrimonio spiaggia farfalla "
    "compleanno neve cavallo cucina pies kot dom faktura ślub plaża motyl rower śnieg koń hond huis factuur bruiloft "
    "strand vlinder fiets sneeuw paard keuken"
)
#: Part of the way from words to letters that a query may go, and log odds that the whole way costs: so chosen that
#: hardly any query of one English word loses what it finds; and the part by words of several languages.
_TOLERATED, _DOUBT = 0.3, 7.0
_TOLERATED_ABROAD = 0.4


def makes_sense(query: str, pieces: Callable[[str], int]) -> bool:
    """``pieces`` tells into how many the model cuts a word, 0 of one that it knows nothing of (a sign, say).

    Without words in Latin letters a query is taken as it is, if the model knows anything of it: what it knows nothing
    of is all the same to it.
    """
    words = [word for word in _WORD.findall(unicodedata.normalize("NFC", query.lower())) if word not in STOP]
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

    tolerated: float = _TOLERATED

    @classmethod
    def by(cls, labels: LabelTable) -> "Nonsense":
        """Of the bundled model, whose labels these are: their names are words, all of them English."""
        return cls(*_way(labels.encode, _names(labels)))

    @classmethod
    def of(cls, model: str, queries: Encode, labels: LabelTable, cache: Path) -> "Nonsense":
        """Of any other, which may know other languages, by texts embedded as ``queries``.

        They are embedded now if what they told is not kept in ``cache`` yet: seconds.
        """
        words = [*_names(labels), *_FOREIGN.split()]
        made_of = json.dumps([model, words, _MEANINGLESS])
        path = cache / f"nonsense-{hashlib.sha256(made_of.encode()).hexdigest()[:16]}.npy"
        (told,) = kept.read(path, (1, labels.dimensions + 1))
        if np.isnan(told[0]):
            way, start = _way(queries, words)
            told = np.array([start, *way], np.float32)
            kept.write(path, told[np.newaxis])
        return cls(told[1:], float(told[0]), _TOLERATED_ABROAD)

    def doubt(self, query: Vectors) -> float:
        """Log odds that are taken from what is found by the query's vector alone."""
        return _DOUBT * max(0.0, float(query @ self.way) - self.start - self.tolerated)


def _names(labels: LabelTable) -> list[str]:
    return [labels.name(label) for label in SOME]


def _way(encode: Encode, words: list[str]) -> tuple[Vectors, float]:
    meant = encode(words).mean(axis=0)
    way = encode(_MEANINGLESS.split()).mean(axis=0) - meant
    way /= way @ way
    return way, float(meant @ way)
