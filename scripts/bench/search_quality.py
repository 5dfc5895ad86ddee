"""How well search finds, by each text model that is on this machine: the bundled one with torch and without, and what
``fetch_model`` fetched, or, if asked to, all that it fetches.

Photographs under names that say nothing and under their own, asked for in English and in German, videos of them,
documents, and queries that mean nothing. Every query has one right answer. The bare model is the classifier's ten best
labels of the picture's centre, as texts.
"""

import os
import random
import re
import string
import time
from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from broker.environment.reading import read_one
from handlers.embedding.index.index import DOUBTFUL, words_worth
from handlers.embedding.index.words import Words
from handlers.embedding.models.classifier import LabelVectors, classifier
from handlers.embedding.models.embedder import Embedder, open_embedder
from handlers.embedding.models.labels import LABELS, LabelTable
from handlers.embedding.models.recipe import NAME_WEIGHT
from handlers.embedding.models.relevance import Calibration, Kind
from handlers.embedding.models.sense import Nonsense
from handlers.embedding.models.settings import EmbeddingSettings
from handlers.embedding.names import name_words
from handlers.embedding.reading.picture import read_picture
from handlers.embedding.reading.video import read_frames
from handlers.embedding.run import is_new
from handlers.embedding.search.opening import query_embedder
from handlers.embedding.search.query_encoders import Judge
from handlers.embedding.unit import unit
from scripts import fetch_model
from scripts.bench.search_documents import QUESTIONS
from scripts.bench.search_photographs import german, photographs, queries
from scripts.bench.search_videos import videos

Vectors = NDArray[np.float32]

_TYPED = (
    "asdf,asdfghjkl,qwertyuiop,lorem ipsum dolor sit amet,consectetur adipiscing elit,sdkfjh sdkfjh,xxxxx,zzz,"
    "foo bar baz,blah blah blah,12345,8493 2933,!!!???,0x7fff5fbff8a0,aaaaaa bbbbbb,hgfdsa,"
    "jjjkkk,wertz uiop,fjdksla,qqq www eee"
)
#: The beginning of a module that is read: so many words.
_READ = re.compile(r"\s*(\S+\s+){,400}")


class Row(NamedTuple):
    """What one way of searching finds."""

    model: str
    what: str
    recall_1: float
    recall_5: float
    mrr: float
    #: Share of queries that mean nothing and find something all the same, where hits are cut by relevance.
    nonsense: float | None = None


class Asked(NamedTuple):
    """Queries."""

    vectors: Vectors
    #: Log odds that what each finds loses.
    doubts: Vectors


def run(folder: Path, fetch: bool = False) -> dict[str, Any]:
    """Rows of every model, and which packages the photographs are from; ``folder`` keeps what is fetched.

    With ``fetch`` models that are not here yet are fetched before, into ``DATA_DIR``.
    """
    missing_models = [name for name in fetch_model.MODELS if fetch_model.main([name])] if fetch else []
    paths, missing = photographs(folder)
    rows = [row._asdict() for settings in _models() for row in _measure(settings, paths, folder)]
    return {"photographs": len(paths), "missing": missing + missing_models, "rows": rows}


def report(figures: Any) -> str:
    lines = [f"{figures['photographs']} photographs" + "".join(f", none of {name}" for name in figures["missing"])]
    for row in figures["rows"]:
        found = "" if row["nonsense"] is None else f"   nonsense finds something: {row['nonsense']:.2f}"
        numbers = f"{row['recall_1']:.3f}  {row['recall_5']:.3f}  {row['mrr']:.3f}"
        lines.append(f"{row['model']:24.24}  {row['what']:44}{numbers}{found}")
    return "\n".join(lines)


def _models() -> Iterator[EmbeddingSettings]:
    chosen = EmbeddingSettings.from_env(os.environ)
    yield chosen
    if not chosen.light:
        yield EmbeddingSettings.from_env({**os.environ, "EMBED_MODEL": "", "TORCH": "none"})
    for folder in sorted((read_one(os.environ, "DATA_DIR") / "models").glob("*/modules.json")):
        other = EmbeddingSettings.from_env({**os.environ, "EMBED_MODEL": str(folder.parent)})
        if other.name != chosen.name:
            yield other


def _measure(settings: EmbeddingSettings, paths: Mapping[str, Path], folder: Path) -> Iterator[Row]:
    encoder, ask = open_embedder(settings), query_embedder(settings)

    calibration = _calibration(settings, encoder)
    judge = calibration and Judge(calibration, ask.pieces)

    def asked_for(queries: list[str]) -> Asked:
        vectors = np.stack([ask(query) for query in queries])
        doubts = [judge.doubt(*each) if judge else 0.0 for each in zip(queries, vectors, strict=True)]
        return Asked(vectors, np.array(doubts, np.float32))

    asked = {name: each for name, each in queries().items() if name in paths}
    right = np.repeat([list(paths).index(name) for name in asked], 3)
    said = asked_for([query for each in asked.values() for query in each])
    senseless = asked_for(nonsense())
    pictures = [read_picture(path) for path in paths.values()]

    def rows(
        what: str,
        asked: Asked,
        right: NDArray[Any],
        groups: list[Vectors],
        kind: Kind | None,
        worth: Vectors | float = 0.0,
        of_nothing: Vectors | float = 0.0,
    ) -> Iterator[Row]:
        scores = _best(asked.vectors, groups) + worth
        yield _row(settings.name, what, scores, right)
        if kind:
            found = (_odds(senseless, groups, kind, of_nothing).max(axis=1) >= 0).mean()
            kept = np.where(_odds(asked, groups, kind, worth) >= 0, scores, -np.inf)
            yield _row(settings.name, f"{what}, relevance 0.5", kept, right)._replace(nonsense=float(found))

    if not encoder.sees:
        bare = _bare(settings, encoder, pictures)
        yield from rows("photographs, the bare model", said, right, _single(bare), None)
    started = time.process_time()
    shown = np.concatenate([encoder.pictures([picture]) for picture in pictures])
    cost = f"{1000 * (time.process_time() - started) / len(pictures):.0f} ms of CPU each"
    shown_kind = calibration.pictures if calibration else None
    plain = asked_for([asked_in for name, asked_in in german().items() if name in paths])
    yield from rows(f"photographs ({cost})", said, right, _single(shown), shown_kind)
    yield from rows("photographs, asked for in German", plain, right[::3], _single(shown), None)
    if not encoder.sees:
        words = [name_words(name.partition("__")[2]) for name in paths]
        named = np.where([[bool(each)] for each in words], unit(shown + NAME_WEIGHT * encoder.texts(words)), shown)
        yield from rows("photographs under their own names", said, right, _single(named), shown_kind)
    if filmed := videos({name: paths[name] for name in asked}, folder / "videos"):
        of = np.array([[number] * 3 for number, names in enumerate(filmed.values()) for _ in names]).ravel()
        shown_in = asked_for([query for names in filmed.values() for name in names for query in asked[name]])
        scenes = [_scenes(encoder, path) for path in filmed]
        yield from rows(f"{len(filmed)} videos", shown_in, of, scenes, shown_kind)
    asked_of = [question for each in QUESTIONS.values() for question in each]
    questions = asked_for(asked_of)
    started = time.process_time()
    cut = [[each.text for each in encoder.passages(_beginning(name))] for name in QUESTIONS]
    documents = [encoder.texts(each) for each in cut]
    cost = f"{1000 * (time.process_time() - started) / sum(map(len, documents)):.0f} ms of CPU a passage"
    of = np.repeat(np.arange(len(QUESTIONS)), 2)
    yield from rows(f"documents by vectors alone ({cost})", questions, of, documents, None)
    kind = calibration.texts if calibration else None
    worth = _written(asked_of, questions.doubts, cut)
    of_nothing = _written(nonsense(), senseless.doubts, cut)
    yield from rows("documents, by their words too", questions, of, documents, kind, worth, of_nothing)


def _calibration(settings: EmbeddingSettings, encoder: Embedder) -> Calibration | None:
    if settings.bundled:
        return Calibration.bundled()
    if encoder.sees:
        return None
    labels = LabelTable(encoder.texts, settings.name, encoder.dimensions, settings.cache)
    return Calibration.by(labels, Nonsense.of(settings.name, encoder.queries, labels, settings.cache))


def _bare(settings: EmbeddingSettings, encoder: Embedder, pictures: list[Any]) -> Vectors:
    """By the recipe that everybody begins with."""
    table = LabelTable(encoder.texts, settings.name, encoder.dimensions, settings.cache, ("a photo of a {name}",))
    table.rows(np.arange(LABELS))
    return LabelVectors(table, classifier(), temperature=1.0, top=10, views=("centre",), centred=False)(pictures)[0]


def _scenes(encoder: Embedder, path: Path) -> Vectors:
    """Of a video, as the handler embeds it."""
    kept: list[Vectors] = []
    for frame in read_frames(path):
        (vector,) = encoder.pictures([frame.image])
        if is_new(vector, kept):
            kept.append(vector)
    return np.stack(kept)


def nonsense() -> list[str]:
    """Queries that mean nothing, the same each time."""
    chance = random.Random(5)
    letters = [
        " ".join("".join(chance.choices(string.ascii_lowercase, k=chance.randint(4, 10))) for _ in range(words))
        for words in (1, 2, 3, 4) * 10
    ]
    return [*letters, *_TYPED.split(",")]


def _beginning(module: str) -> str:
    spec = find_spec(module)
    assert spec is not None and spec.origin is not None
    read = _READ.match(Path(spec.origin).read_text())
    assert read is not None
    return read[0]


def _single(vectors: Vectors) -> list[Vectors]:
    return [row[None] for row in vectors]


def _best(asked: Vectors, groups: list[Vectors]) -> Vectors:
    """(queries, things), the cosine of the best vector of each."""
    return np.stack([(asked @ group.T).max(axis=1) for group in groups], axis=1)


def _written(queries: list[str], doubts: Vectors, documents: list[list[str]]) -> Vectors:
    """(queries, documents), what the words of each query that stand in a document are worth."""
    words = Words()
    words.add((str(number), texts) for number, texts in enumerate(documents))
    worth = np.zeros((len(queries), len(documents)), np.float32)
    for row, query, doubt in zip(worth, queries, doubts, strict=True):
        each_counts = (lambda document: False) if doubt >= DOUBTFUL else (lambda document: True)
        for number, share in words.covered(query, each_counts).items():
            row[int(number)] = words_worth(share, "document")
    return worth


def _odds(asked: Asked, groups: list[Vectors], kind: Kind, worth: Vectors | float = 0.0) -> Vectors:
    factors, addends = np.array([kind.scale(query) for query in asked.vectors]).T
    doubts = np.where(np.asarray(worth) > 0, 0.0, asked.doubts[:, None])
    odds: Vectors = factors[:, None] * (_best(asked.vectors, groups) + worth) + addends[:, None] - doubts
    return odds


def _row(model: str, what: str, scores: Vectors, right: NDArray[Any]) -> Row:
    own = scores[np.arange(len(scores)), right]
    ranks = 1 + (scores > own[:, None]).sum(axis=1)
    found = np.isfinite(own)
    return Row(
        model,
        what,
        float(np.mean(found & (ranks == 1))),
        float(np.mean(found & (ranks <= 5))),
        float(np.mean(found / ranks)),
    )
