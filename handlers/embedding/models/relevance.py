"""How likely a hit is meant: its cosine beside what a query scores on things that have nothing to do with it.

A cosine alone does not tell: short queries are near to everything, passages nearer than pictures, and each model has a
scale of its own. The background is made of the picture classifier's labels: every sixteenth as a text, and, as pictures
are mixtures of labels, a mixture around each. It is known for every model that places pictures by labels.
"""

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from handlers.embedding.models.labels import SOME, LabelTable
from handlers.embedding.models.sense import Nonsense
from handlers.embedding.unit import unit

Vectors = NDArray[np.float32]

#: The bundled model's calibration, so that no search process has to compute it: made by ``Calibration.by(...).keep()``.
_KEPT = Path(__file__).with_name("calibration.npz")
#: How near to each other labels are mixed, as a softmax's temperature over their cosines.
_NEARNESS = 0.1
#: How much a query's nearness to everything is held against it. Chosen, like those below, on the queries that
#: docs/benchmarks.md reports on: expect somewhat worse on others.
_DISCOUNT = 0.5
#: Deviations above what unrelated things score where something is as likely meant as not. With more of them few texts
#: would be lost, and pictures, of which labels tell less, many.
_EVEN = 1.0
#: Log odds of another deviation.
_STEEPNESS = 1.5


@dataclass(frozen=True, slots=True)
class Kind:
    """Vectors of one kind, with what unrelated queries score on them."""

    mean: Vectors
    #: Cosine, less the discount, where a hit is as likely meant as not, and by how much cosines differ by chance.
    even: float
    deviation: float

    def scale(self, query: Vectors) -> tuple[float, float]:
        """(factor, addend) by which the cosine of this query with something becomes log odds of being meant."""
        factor = _STEEPNESS / self.deviation
        discount = _DISCOUNT * float(query @ self.mean)
        return factor, -factor * (discount + self.even)


@dataclass(frozen=True, slots=True)
class Calibration:
    """What the cosines of one model are worth."""

    pictures: Kind
    texts: Kind
    #: What a query that means nothing is known by, where that is asked.
    nonsense: Nonsense | None = None

    @classmethod
    def by(cls, labels: LabelTable, nonsense: Nonsense | None = None) -> "Calibration":
        """From a table of labels, of which a part is embedded now if it is not kept yet: seconds."""
        some = np.array(SOME)
        rows = labels.rows(some)
        nearness = np.exp((rows @ rows.T - 1) / _NEARNESS)
        shown = unit(nearness @ labels.differences(some))
        return cls(_kind(rows, shown), _kind(rows, rows), nonsense)

    @classmethod
    def bundled(cls) -> "Calibration":
        """Of the model that comes along."""
        with np.load(_KEPT, allow_pickle=False) as kept:
            pictures, texts = (Kind(kept[name][2:], *map(float, kept[name][:2])) for name in ("pictures", "texts"))
            nonsense = Nonsense(kept["nonsense"][1:], float(kept["nonsense"][0]))
        return cls(pictures, texts, nonsense)

    def keep(self) -> None:
        """Writes what ``bundled`` reads."""
        assert self.nonsense is not None
        kinds = {name: _flat(getattr(self, name)) for name in ("pictures", "texts")}
        nonsense = np.array([self.nonsense.start, *self.nonsense.way], np.float32)
        np.savez(_KEPT, allow_pickle=False, **kinds, nonsense=nonsense)


def probability(log_odds: float) -> float:
    """0 to 1; a half is where a hit is as likely meant as not."""
    return (1 + math.tanh(log_odds / 2)) / 2


def _flat(kind: Kind) -> Vectors:
    return np.array([kind.even, kind.deviation, *kind.mean], np.float32)


def _kind(queries: Vectors, background: Vectors) -> Kind:
    """Labels as queries, each against everything but its own."""
    scores = queries @ background.T
    others = ~np.eye(len(queries), dtype=bool)
    unrelated = (scores - _DISCOUNT * scores.mean(axis=1, keepdims=True))[others]
    deviation = float(unrelated.std())
    return Kind(background.mean(axis=0), float(unrelated.mean()) + _EVEN * deviation, deviation)
