"""What gives texts and pictures vectors of one space, and which one it is: with torch or without."""

import ctypes
from abc import ABC, abstractmethod
from collections.abc import Sequence
from contextlib import suppress
from functools import cached_property
from importlib import import_module

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from handlers.embedding.models.classifier import LabelVectors, classifier
from handlers.embedding.models.labels import LabelTable
from handlers.embedding.models.relevance import Calibration
from handlers.embedding.models.settings import EmbeddingSettings
from handlers.embedding.text import Passage

Vectors = NDArray[np.float32]

#: What the C library calls its settings (mallopt(3)): how much free memory it keeps, and how large a piece of that.
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
_KEPT, _PIECE = 128 * 2**20, 32 * 2**20


class UnusableModel(Exception):
    """The model cannot be loaded, which only the operator can cure."""


class Embedder(ABC):
    """One model for the life of the process. For models that do not see, a classifier looks at pictures."""

    #: Whether the model itself knows pictures.
    sees = False
    #: Where it works, as torch calls it.
    device = "cpu"
    dimensions: int

    def __init__(self, settings: EmbeddingSettings) -> None:
        self._settings = settings
        #: Of its vectors.
        self.name = settings.tag

    @abstractmethod
    def texts(self, texts: Sequence[str]) -> Vectors:
        """(texts, dimensions), rows L2-normalised. What is longer than the model reads is cut off."""

    @abstractmethod
    def queries(self, texts: Sequence[str]) -> Vectors:
        """As ``texts``, for models that embed a question in another way than its answer."""

    @abstractmethod
    def passages(self, text: str) -> list[Passage]:
        """``text`` in pieces that the model reads whole."""

    @abstractmethod
    def pieces(self, word: str) -> int:
        """Into how many pieces the model cuts a word; 0 for one that it knows nothing of."""

    def pictures(self, pictures: Sequence[Image.Image]) -> Vectors:
        """(pictures, dimensions), rows L2-normalised."""
        return self.look(pictures)[0]

    def look(self, pictures: Sequence[Image.Image]) -> tuple[Vectors, list[str]]:
        """As ``pictures``, and what is seen in each, in words; empty where the model itself sees."""
        return self._labels(pictures)

    @cached_property
    def _labels(self) -> LabelVectors:
        common = Calibration.bundled().texts.mean if self._settings.bundled else None
        cache = self._settings.cache
        table = LabelTable(self.texts, self._settings.name, self.dimensions, cache, common=common)
        return LabelVectors(table, classifier(self.device))


def open_embedder(settings: EmbeddingSettings) -> Embedder:
    """The embedder that the settings name. Raises ``UnusableModel``."""
    _keep_free_memory()
    if settings.light:
        made: Embedder = import_module("handlers.embedding.models.minilm").MiniLM(settings)
    else:
        made = import_module("handlers.embedding.models.sentence_transformer").Encoder(settings)
    return made


def _keep_free_memory() -> None:
    """Has the C library keep what one layer of a network frees, which the next one wants at once.

    It may give it back to the system instead, each time, for pages that have to be cleared: 400 for each short text.
    """
    with suppress(AttributeError):  # a C library that has no such setting
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(_M_TRIM_THRESHOLD, _KEPT)
        mallopt(_M_MMAP_THRESHOLD, _PIECE)
