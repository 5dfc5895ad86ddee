"""How well and how fast the index of very many vectors finds, beside the scan of all of them: in one process.

The vectors are made of real ones. A picture is the mean of thirty labels' vectors, weighted as a classifier that is not
certain does it: by how near they are to one, and by chance; the first labels are of many pictures, and every fifth
picture has words of a name. A passage is between two paragraphs of Python's documentation, and some way off. Queries
are questions about that documentation, and names of labels.
"""

import inspect
import os
import pydoc
import re
import time
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from handlers.embedding.index.matrix import Matrix
from handlers.embedding.index.near import Near
from handlers.embedding.index.ranking import Compared, Match, Ranking
from handlers.embedding.index.scan import Scale, Scales, Scan
from handlers.embedding.models.labels import LABELS, LabelTable
from handlers.embedding.models.minilm import MiniLM
from handlers.embedding.models.recipe import NAME_WEIGHT
from handlers.embedding.models.relevance import Calibration
from handlers.embedding.models.settings import EmbeddingSettings
from handlers.embedding.unit import unit
from scripts.bench.report import table
from scripts.bench.search_documents import QUESTIONS

#: Vectors that are made at once, of pictures and of passages; and that a matrix takes at once.
_PICTURES, _PASSAGES, _AT_ONCE = 700, 300, 100
_TOP_LABELS, _PARAGRAPHS, _NAMES = 30, 2000, 120
_PAGE, _BEST = 21, 10

Rows = NDArray[np.float32]
Found = dict[str, dict[str, float]]


def run(counts: list[int], folder: Path) -> Found:
    """By ``count``: recall@10, CPU milliseconds of a query by index and by scan, CPU seconds and bytes of the index."""
    labels, differences, paragraphs, queries = _real(folder)
    batches, found = _batches(labels, differences, paragraphs), Found()
    matrices = {kind: Matrix(labels.shape[1]) for kind in ("document", "image")}
    for matrix in matrices.values():
        matrix.begin_linking()
    made, building = 0, 0.0
    for count in counts:
        while made < count:
            rows, shown = next(batches)
            for of_pictures, matrix in enumerate(matrices.values()):
                _put(matrix, rows[shown == of_pictures], bool(of_pictures))
            made += len(rows)
        started = time.thread_time()
        while any(matrix.link() for matrix in matrices.values()):
            pass
        building += time.thread_time() - started
        found[str(made)] = {"build": building, **_compared(matrices, queries)}
    return found


def report(found: Found) -> str:
    """The table."""
    names = {"recall": 4, "worst": 1, "index": 1, "scan": 1, "build": 0, "bytes": 0, "vectors": 0}
    rows = [
        [count, *(f"{figures[name]:.{digits}f}" for name, digits in names.items())] for count, figures in found.items()
    ]
    title = ["vectors", "recall@10", "worst", "index, ms", "scan, ms", "build, s", "index, MB", "vectors, MB"]
    return table(title, rows)


def _put(matrix: Matrix, rows: Rows, of_pictures: bool) -> None:
    """As a search process takes them."""
    for at in range(0, len(rows), _AT_ONCE):
        part = rows[at : at + _AT_ONCE].astype(np.float16)
        ids = [f"{len(matrix) + number:09}" for number in range(len(part))]
        matrix.add(ids, [1] * len(part), part, np.full(len(part), of_pictures))


def _compared(matrices: Mapping[str, Matrix], queries: Rows) -> dict[str, float]:
    calibration = Calibration.bundled()
    shares, by_index, by_scan = [], [], []
    for query in queries:
        scales = Scales(Scale(*calibration.texts.scale(query)), Scale(*calibration.pictures.scale(query)))
        near, used = _timed(matrices, partial(_near, query=query, scales=scales))
        by_index.append(used)
        exact, used = _timed(matrices, partial(Scan, query=query, scales=scales))
        by_scan.append(used)
        shares.append(len(set(near[:_BEST]) & set(exact[:_BEST])) / _BEST)
    linked = sum(matrix.graphs.nbytes for matrix in matrices.values() if matrix.graphs is not None)
    return {
        "recall": float(np.mean(shares)),
        "worst": min(shares),
        "index": float(np.median(by_index)),
        "scan": float(np.median(by_scan)),
        "bytes": linked / 1e6,
        "vectors": (sum(matrix.nbytes for matrix in matrices.values()) - linked) / 1e6,
    }


def _near(matrix: Matrix, query: Rows, scales: Scales) -> Near:
    assert matrix.graphs is not None
    return Near(matrix, matrix.graphs, query, scales, {}, 0.0, _PAGE)


def _timed(matrices: Mapping[str, Matrix], compare: Callable[[Matrix], Compared]) -> tuple[list[Match], float]:
    """A page of hits, with their number above even odds; CPU milliseconds."""
    started = time.thread_time()
    ranking = Ranking({kind: compare(matrix) for kind, matrix in matrices.items()})
    found = list(islice(ranking.best(_PAGE), _PAGE))
    ranking.count(0.5)
    return found, (time.thread_time() - started) * 1000


def _batches(labels: Rows, differences: Rows, paragraphs: Rows) -> Iterator[tuple[Rows, NDArray[np.bool_]]]:
    chance = np.random.default_rng(5)
    near = 8 * labels @ labels.T
    often = 1 / np.arange(1, LABELS + 1) ** 0.7
    shown = np.arange(_PICTURES + _PASSAGES) < _PICTURES
    while True:
        seen = near[chance.choice(LABELS, _PICTURES, p=often / often.sum())]
        seen = np.exp(seen + 0.8 * chance.standard_normal(seen.shape, np.float32))
        seen[seen < np.partition(seen, -_TOP_LABELS, axis=1)[:, [-_TOP_LABELS]]] = 0
        pictures = unit(seen @ differences)
        named = chance.random(_PICTURES) < 0.2
        pictures[named] = unit(pictures[named] + NAME_WEIGHT * chance.choice(paragraphs, int(named.sum())))
        one, other = (chance.choice(paragraphs, _PASSAGES) for _ in range(2))
        off = unit(chance.standard_normal(one.shape, np.float32))
        rows = np.concatenate([pictures, unit(0.7 * one + 0.45 * other + 0.35 * off)])
        order = chance.permutation(len(rows))
        yield rows[order], shown[order]


def _real(folder: Path) -> tuple[Rows, Rows, Rows, Rows]:
    """Vectors of labels, also less what they have in common, of paragraphs, and of queries."""
    settings = EmbeddingSettings.from_env({**os.environ, "EMBED_MODEL": "", "TORCH": "none", "DATA_DIR": str(folder)})
    model = MiniLM(settings)
    labels = LabelTable(model.texts, settings.name, model.dimensions, settings.cache)
    asked = [question for each in QUESTIONS.values() for question in each]
    asked += [labels.name(label) for label in range(0, LABELS, LABELS // _NAMES)]
    every = np.arange(LABELS)
    return labels.rows(every), labels.differences(every), model.texts(_paragraphs()), model.queries(asked)


def _paragraphs() -> list[str]:
    found: dict[str, None] = {}
    for name in QUESTIONS:
        module = pydoc.locate(name)
        for each in (module, *vars(module).values()):
            for text in re.split(r"\n\s*\n", inspect.getdoc(each) or ""):
                found[" ".join(text.split())[:400]] = None
    return [text for text in found if len(text) > 40][:_PARAGRAPHS]
