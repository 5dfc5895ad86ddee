"""The encoder: texts and pictures as vectors of one space, with one model for the life of the process."""

import logging
from collections.abc import Sequence
from contextlib import suppress
from functools import cached_property, partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from sentence_transformers import SentenceTransformer
from transformers.utils import logging as transformers_logging

from handlers.embedding import hub
from handlers.embedding.classifier import LabelVectors
from handlers.embedding.labels import LabelTable
from handlers.embedding.settings import EmbeddingSettings
from handlers.embedding.text import Passage, passages

log = logging.getLogger(__name__)

#: Texts of similar length that go through the network together; larger batches gain nothing on a CPU.
_BATCH = 16
#: Tokens that a model adds around a text.
_SPECIAL_TOKENS = 2


class UnusableModel(Exception):
    """The model cannot be loaded, which only the operator can cure."""


class Encoder:
    """A sentence-transformers model. Models that see embed pictures themselves; for the others a classifier looks."""

    def __init__(self, settings: EmbeddingSettings) -> None:
        """Loads the model, onto the GPU if torch sees one. Raises ``UnusableModel``."""
        torch.set_num_threads(1)  # more of them spin while they wait for a core that another process uses
        transformers_logging.disable_progress_bar()
        self._settings = settings
        self._device = "cuda" if torch.cuda.is_available() else "cpu"
        #: Of its vectors.
        self.name = settings.tag
        try:
            self._model = self._load()
            self.dimensions = int(self.texts(["a"]).shape[1])
        except Exception as error:  # whatever the libraries raise for files that are not what they expect
            line = " ".join(str(error).split())
            raise UnusableModel(f"EMBED_MODEL={settings.location} cannot be loaded: {line}") from error
        log.info("%s embeds on %s", settings.name, self._device)
        #: Whether the model itself knows pictures.
        self.sees = "image" in self._model.modalities

    def _load(self) -> SentenceTransformer:
        """From this machine; from the hub only what is not (wholly) here, when the hub answers."""
        load = partial(SentenceTransformer, self._settings.location, device=self._device)
        if self._settings.folder is not None:
            return load(local_files_only=True)
        if hub.is_here(self._settings.location):
            with suppress(Exception):
                return load(local_files_only=True)
        hub.ask(self._settings.location)
        return load()

    def texts(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """(texts, dimensions), rows L2-normalised. What is longer than the model reads is cut off."""
        return self._run(self._model.encode_document, texts)

    def queries(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """As ``texts``, for models that embed a question in another way than its answer."""
        return self._run(self._model.encode_query, texts)

    def pictures(self, pictures: Sequence[Image.Image]) -> NDArray[np.float32]:
        """(pictures, dimensions), rows L2-normalised."""
        return self.look(pictures)[0]

    def look(self, pictures: Sequence[Image.Image]) -> tuple[NDArray[np.float32], list[str]]:
        """As ``pictures``, and what is seen in each, in words; empty where the model itself sees."""
        if self.sees:
            return self._run(self._model.encode, pictures), [""] * len(pictures)
        return self._labels(pictures)

    def passages(self, text: str) -> list[Passage]:
        """``text`` in pieces that the model reads whole."""
        longest = self._model.max_seq_length or self._model.tokenizer.model_max_length
        return passages(text, self._model.tokenizer, longest - _SPECIAL_TOKENS)

    def pieces(self, word: str) -> int:
        """Into how many pieces the model cuts a word."""
        return len(self._model.tokenizer.tokenize(word))

    @staticmethod
    def _run(encode: Any, inputs: Sequence[Any]) -> NDArray[np.float32]:
        vectors: NDArray[np.float32] = encode(
            list(inputs), batch_size=_BATCH, normalize_embeddings=True, show_progress_bar=False
        )
        return vectors.astype(np.float32, copy=False)

    @cached_property
    def _labels(self) -> LabelVectors:
        return LabelVectors(
            LabelTable(self.texts, self._settings.name, self.dimensions, self._settings.cache), self._device
        )
