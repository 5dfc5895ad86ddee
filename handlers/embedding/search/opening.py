"""Opens a searcher: with the model that the environment names, and with those of other generations that are here."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from broker.media.generations import Generations
from broker.media.vectors import VectorStore
from handlers.embedding import preflight
from handlers.embedding.index import graph, linking
from handlers.embedding.index.snapshots import Snapshots
from handlers.embedding.models import hub
from handlers.embedding.models.embedder import Embedder, UnusableModel, open_embedder
from handlers.embedding.models.labels import LabelTable
from handlers.embedding.models.minilm import MiniLM
from handlers.embedding.models.recipe import encoder_of
from handlers.embedding.models.relevance import Calibration
from handlers.embedding.models.sense import Nonsense
from handlers.embedding.models.settings import EmbeddingSettings
from handlers.embedding.search.facts import Facts, FactsOf
from handlers.embedding.search.query_encoders import Judge, QueryEncoder
from handlers.embedding.search.searcher import MOST_BYTES, DigestsOf, NamesOf, Searcher
from handlers.embedding.search.shown import LocalFile, ShownPictures

__all__ = ["Facts", "open_searcher", "query_embedder"]


class Embed(Protocol):
    """Gives the vector of a query, (dimensions,) and L2-normalised."""

    #: Whether the model itself knows pictures; else they lie where their labels are.
    sees: bool

    def __call__(self, text: str) -> NDArray[np.float32]: ...

    def queries(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """(texts, dimensions), those of several."""

    def texts(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """(texts, dimensions), not as queries but as what they find."""

    def pieces(self, word: str) -> int:
        """Into how many pieces the model cuts a word; 0 for one that it knows nothing of."""


def open_searcher(  # noqa: PLR0913  (each is a part of it)
    environ: Mapping[str, str],
    vectors: VectorStore,
    facts_of: FactsOf,
    local_file: LocalFile,
    most_bytes: int = MOST_BYTES,
    names_of: NamesOf = lambda tenant, ids: {},
    digests_of: DigestsOf = lambda tenant, ids: {},
    generations: Generations | None = None,
    graphs_from: int = 0,
    index_dir: Path | None = None,
) -> Searcher:
    """A searcher with the model that the environment names, warmed up. Raises ``ValueError`` if it cannot be loaded.

    Of another model than the bundled one, what tells relevant hits from others is computed at the first start, which
    takes seconds, and kept in ``DATA_DIR``. Models of other ``generations`` are loaded as well, where they are here.
    Raises ``ValueError`` as well where ``graphs_from`` asks for what is not installed; they are kept in
    ``index_dir``.
    """
    snapshots = None
    if graphs_from:
        graph.check()
        snapshots = Snapshots.open(index_dir, most_bytes, linking.made_of()) if index_dir else None
    settings = preflight.check_model(environ)
    embed, judge = _opened(settings)
    pictures = ShownPictures(settings, local_file)

    def open_other(generation: str) -> QueryEncoder | None:
        location = generations.location(generation) if generations else ""
        other = _settings_of(generation, location, environ)
        return QueryEncoder(other.name, *_opened(other)) if other else None

    standing_of = generations.standing if generations else None
    searcher = Searcher(
        settings.tag,
        embed,
        vectors,
        facts_of,
        most_bytes,
        names_of,
        digests_of,
        judge,
        pictures,
        standing_of,
        open_other,
        graphs_from,
        snapshots,
    )
    searcher.encoders.prepare(generations.in_use() if generations else ())
    return searcher


def _opened(settings: EmbeddingSettings) -> tuple[Embed, Judge | None]:
    embed = query_embedder(settings)
    dimensions = len(embed("warm up"))
    if settings.bundled:
        return embed, Judge(Calibration.bundled(), embed.pieces)
    if embed.sees:
        return embed, None
    labels = LabelTable(embed.texts, settings.name, dimensions, settings.cache)
    nonsense = Nonsense.of(settings.name, embed.queries, labels, settings.cache)
    return embed, Judge(Calibration.by(labels, nonsense), embed.pieces)


def _settings_of(generation: str, location: str, environ: Mapping[str, str]) -> EmbeddingSettings | None:
    """Those that name the model of a generation, if it is on this machine: nobody is asked for it."""
    if bundled := EmbeddingSettings.bundled_as(encoder_of(generation), environ):
        return bundled
    for each in dict.fromkeys((location, encoder_of(generation))):
        try:
            settings = EmbeddingSettings.from_env({**environ, "EMBED_MODEL": each, "TORCH": ""})
        except ValueError:
            continue
        if settings.name == encoder_of(generation) and (settings.folder or hub.is_here(settings.location)):
            return settings
    return None


class _Queries:
    """By an embedder."""

    def __init__(self, embedder: Embedder) -> None:
        self.queries, self.texts, self.pieces = embedder.queries, embedder.texts, embedder.pieces
        self.sees = embedder.sees

    def __call__(self, text: str) -> NDArray[np.float32]:
        vector: NDArray[np.float32] = self.queries([text])[0]
        return vector


def query_embedder(settings: EmbeddingSettings) -> Embed:
    """Of the bundled model the light one, whose queries find what vectors of either find; else sentence-transformers.

    Raises ``ValueError`` when the model cannot be loaded.
    """
    try:
        return _Queries(MiniLM(settings) if settings.bundled else open_embedder(settings))
    except UnusableModel as error:
        raise ValueError(str(error)) from error
