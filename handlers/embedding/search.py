"""Answers semantic queries: embeds the text, compares it with what the tenant has, names the files."""

import importlib
import logging
from collections.abc import Callable, Mapping
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from broker.media.search import Hit, SearchRequest
from broker.media.vectors import VectorStore
from handlers.embedding.bert import Bert, UnsupportedModel
from handlers.embedding.index import Index
from handlers.embedding.settings import EmbeddingSettings

log = logging.getLogger(__name__)

#: Query texts whose vectors are remembered: people page through and repeat.
_REMEMBERED_QUERIES = 1000

Embed = Callable[[str], NDArray[np.float32]]
#: The name of a tenant's media file, ``None`` when there is no such file (any more).
FilenameOf = Callable[[str, str], str | None]


class Searcher:
    """One model, one index per tenant that has searched. For one thread."""

    def __init__(self, model: str, embed: Embed, vectors: VectorStore, filename_of: FilenameOf) -> None:
        """``embed`` gives a query's vector, (dimensions,) and L2-normalised, in the space of ``model``'s vectors."""
        self._model = model
        self._embed = lru_cache(_REMEMBERED_QUERIES)(embed)
        self._vectors = vectors
        self._filename_of = filename_of
        self._indexes: dict[str, Index] = {}

    def answer(self, request: SearchRequest) -> list[Hit]:
        """The best matches whose files exist, best first."""
        query = self._embed(" ".join(request.query.split()))
        index = self._index(request.tenant, len(query))
        index.refresh()
        hits: list[Hit] = []
        for match in index.best(query, request.entity_type, request.limit):
            below = request.min_similarity is not None and match.similarity < request.min_similarity
            if below or len(hits) == request.limit:
                break
            filename = self._filename_of(request.tenant, match.entity_id)
            if filename is not None:
                hits.append(Hit(match.entity_type, match.entity_id, filename, round(match.similarity, 4)))
        return hits

    def _index(self, tenant: str, dimensions: int) -> Index:
        if tenant not in self._indexes:
            self._indexes[tenant] = Index(self._vectors, tenant, self._model, dimensions)
        return self._indexes[tenant]


def open_searcher(environ: Mapping[str, str], vectors: VectorStore, filename_of: FilenameOf) -> Searcher:
    """A searcher with the model that the environment names, warmed up. Raises ``TransientError`` if it cannot load."""
    settings = EmbeddingSettings.from_env(environ)
    embed = query_embedder(settings)
    embed("warm up")
    return Searcher(settings.name, embed, vectors, filename_of)


def query_embedder(settings: EmbeddingSettings) -> Embed:
    """The light numpy encoder where the model allows it, else sentence-transformers with all it brings along."""
    if settings.folder is not None:
        try:
            return Bert(settings.folder)
        except UnsupportedModel as error:
            log.info("queries are embedded by sentence-transformers: %s", error)
    encoder = importlib.import_module("handlers.embedding.model").Encoder(settings)
    return lambda text: encoder.queries([text])[0]
