"""Models of sentence-transformers, which need torch."""

import logging
from collections.abc import Sequence
from contextlib import suppress
from copy import deepcopy
from functools import cached_property, partial
from typing import Any

import numpy as np
import torch
from PIL import Image
from sentence_transformers import SentenceTransformer
from transformers.utils import logging as transformers_logging

from handlers.embedding.models import hub
from handlers.embedding.models.device import NO_GPU
from handlers.embedding.models.embedder import Embedder, UnusableModel
from handlers.embedding.models.settings import EmbeddingSettings
from handlers.embedding.text import Passage, passages
from handlers.embedding.unit import Vectors

log = logging.getLogger(__name__)

#: Texts of similar length that go through the network together; larger batches gain nothing on a CPU.
_BATCH = 16
#: Tokens that a model adds around a text.
_SPECIAL_TOKENS = 2
#: What SentencePiece writes for the blank before a word: alone it is no piece of it.
_BLANK = "\u2581"


class Encoder(Embedder):
    """A sentence-transformers model, on the GPU if torch sees one and is not told otherwise."""

    def __init__(self, settings: EmbeddingSettings) -> None:
        """Loads the model. Raises ``UnusableModel``."""
        super().__init__(settings)
        torch.set_num_threads(1)  # more of them spin while they wait for a core that another process uses
        transformers_logging.disable_progress_bar()
        self.device = _device(settings.torch)
        try:
            self._model = self._load()
            self.dimensions = int(self.texts(["a"]).shape[1])
        except Exception as error:  # whatever the libraries raise for files that are not what they expect
            line = " ".join(str(error).split())
            raise UnusableModel(f"EMBED_MODEL={settings.location} cannot be loaded: {line}") from error
        log.info("%s embeds on %s", settings.name, self.device)
        self.sees = "image" in self._model.modalities

    def _load(self) -> SentenceTransformer:
        """From this machine; from the hub only what is not (wholly) here, when the hub answers."""
        load = partial(SentenceTransformer, self._settings.location, device=self.device)
        if self._settings.folder is not None:
            return load(local_files_only=True)
        if hub.is_here(self._settings.location):
            with suppress(Exception):
                return load(local_files_only=True)
        hub.ask(self._settings.location)
        return load()

    def texts(self, texts: Sequence[str]) -> Vectors:
        return self._run(self._model.encode_document, texts)

    def queries(self, texts: Sequence[str]) -> Vectors:
        return self._run(self._model.encode_query, texts)

    def look(self, pictures: Sequence[Image.Image]) -> tuple[Vectors, list[str]]:
        if self.sees:
            return self._run(self._model.encode, pictures), [""] * len(pictures)
        return super().look(pictures)

    def passages(self, text: str) -> list[Passage]:
        spans = self._cutter.encode(text, add_special_tokens=False).offsets
        longest = self._model.max_seq_length or self._model.tokenizer.model_max_length
        return passages(text, spans, longest - _SPECIAL_TOKENS)

    @cached_property
    def _cutter(self) -> Any:
        """The tokenizer without the layers around it, which take ten times as long for a short text, and uncut."""
        cutter = deepcopy(self._model.tokenizer.backend_tokenizer)
        cutter.no_truncation()
        cutter.no_padding()
        return cutter

    def pieces(self, word: str) -> int:
        tokenizer = self._model.tokenizer
        tokens = tokenizer.tokenize(word)
        ids = tokenizer.convert_tokens_to_ids(tokens)  # an unknown sign may be its own token, only the id tells
        return sum(
            number != tokenizer.unk_token_id and token != _BLANK for number, token in zip(ids, tokens, strict=True)
        )

    @staticmethod
    def _run(encode: Any, inputs: Sequence[Any]) -> Vectors:
        vectors: Vectors = encode(list(inputs), batch_size=_BATCH, normalize_embeddings=True, show_progress_bar=False)
        return vectors.astype(np.float32, copy=False)


def _device(wanted: str) -> str:
    """The one that ``TORCH`` demands, else the best there is. Raises ``UnusableModel`` for a GPU that is not there."""
    seen = torch.cuda.is_available()
    if wanted == "cuda" and not seen:
        raise UnusableModel(NO_GPU)
    return "cuda" if seen and wanted != "cpu" else "cpu"
