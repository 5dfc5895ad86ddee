"""Answers semantic queries: embeds the text, compares it with what the tenant has, names the files."""

import importlib
import logging
from collections.abc import Callable, Mapping
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from broker.media.search import Hit, SearchRequest
from broker.media.vectors import VectorStore
from handlers.embedding import preflight
from handlers.embedding.bert import Bert, UnsupportedModel
from handlers.embedding.index import Index
from handlers.embedding.indexes import Indexes
from handlers.embedding.settings import EmbeddingSettings

log = logging.getLogger(__name__)

#: Query texts whose vectors are remembered: people page through and repeat.
_REMEMBERED_QUERIES = 1000
#: Bytes of indexes, some 600,000 vectors of the bundled model.
MOST_BYTES = 2**30

Embed = Callable[[str], NDArray[np.float32]]
#: The name of a tenant's media file, ``None`` when there is no such file (any more).
FilenameOf = Callable[[str, str], str | None]


class Searcher:
    """One model, one index per tenant that has searched lately. For one thread."""

    def __init__(
        self, model: str, embed: Embed, vectors: VectorStore, filename_of: FilenameOf, most_bytes: int = MOST_BYTES
    ) -> None:
        """``embed`` gives a query's vector, (dimensions,) and L2-normalised, in the space of ``model``'s vectors.

        Indexes of tenants that have not searched for long are given up when all together pass ``most_bytes``.
        """
        self._embed = lru_cache(_REMEMBERED_QUERIES)(embed)
        self._filename_of = filename_of
        self._indexes = Indexes(lambda tenant, dimensions: Index(vectors, tenant, model, dimensions), most_bytes)

    def answer(self, request: SearchRequest) -> list[Hit] | None:
        """The best matches whose files exist, best first; ``None`` while the tenant's vectors have yet to be read.

        Ask again after ``work``. No call takes long, so that nobody waits for another tenant's vectors.
        """
        query = self._embed(" ".join(request.query.split()))
        index = self._indexes.ready(request.tenant, len(query))
        if index is None:
            return None
        hits: list[Hit] = []
        for match in index.best(query, request.entity_type, request.limit):
            if request.min_similarity is not None and match.similarity < request.min_similarity:
                break
            filename = self._filename_of(request.tenant, match.entity_id)
            if filename is not None:
                hits.append(Hit(match.entity_type, match.entity_id, filename, round(match.similarity, 4)))
            if len(hits) == request.limit:  # before another match is looked for
                break
        return hits

    def work(self) -> bool:
        """Some milliseconds of reading vectors; whether there was anything to do."""
        return self._indexes.work()


def open_searcher(
    environ: Mapping[str, str], vectors: VectorStore, filename_of: FilenameOf, most_bytes: int = MOST_BYTES
) -> Searcher:
    """A searcher with the model that the environment names, warmed up. Raises ``ValueError`` if it cannot be loaded."""
    settings = preflight.check(environ)
    embed = query_embedder(settings)
    embed("warm up")
    return Searcher(settings.name, embed, vectors, filename_of, most_bytes)


def query_embedder(settings: EmbeddingSettings) -> Embed:
    """The light numpy encoder where the model allows it, else sentence-transformers with all it brings along.

    Raises ``ValueError`` when the model cannot be loaded.
    """
    if settings.folder is not None:
        try:
            return Bert(settings.folder)
        except UnsupportedModel as error:
            log.info("queries are embedded by sentence-transformers: %s", error)
    model = importlib.import_module("handlers.embedding.model")
    try:
        encoder = model.Encoder(settings)
    except model.UnusableModel as error:
        raise ValueError(str(error)) from error
    return lambda text: encoder.queries([text])[0]
