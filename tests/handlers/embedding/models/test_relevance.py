"""Guards what a cosine is worth: whatever the kind, what a query means counts for more than what it does not."""

from typing import Any

import pytest

from tests.handlers.embedding.conftest import NEEDS

np = pytest.importorskip("numpy", reason=NEEDS)
labels = pytest.importorskip("handlers.embedding.models.labels", reason=NEEDS, exc_type=ImportError)
relevance = pytest.importorskip("handlers.embedding.models.relevance", reason=NEEDS, exc_type=ImportError)
sense = pytest.importorskip("handlers.embedding.models.sense", reason=NEEDS, exc_type=ImportError)

PASSAGE = (
    "The committee met on Tuesday to agree on next year's budget. Spending on roads rises by four per cent, while the "
    "money for libraries stays what it was."
)


@pytest.fixture(scope="module")
def queries(encoder: Any) -> Any:
    return lambda text: encoder.queries([text])[0]


@pytest.fixture(scope="module")
def table(encoder: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    return labels.LabelTable(encoder.texts, "m", 384, tmp_path_factory.mktemp("labels"))


@pytest.fixture(scope="module")
def calibration(table: Any) -> Any:
    return relevance.Calibration.by(table, sense.Nonsense.by(table))


def relevant(kind: Any, queries: Any, query: str, thing: Any) -> float:
    vector = queries(query)
    factor, addend = kind.scale(vector)
    answer: float = relevance.probability(factor * float(vector @ thing) + addend)
    return answer


def test_what_is_meant_is_relevant_and_nothing_else_is(calibration: Any, queries: Any, table: Any) -> None:
    cat = table.differences(np.array([281, 282, 285])).mean(axis=0)
    cat /= np.linalg.norm(cat)
    for kind, thing, meant in (
        (calibration.pictures, cat, ("a cat", "furry pet with whiskers")),
        (calibration.texts, queries(PASSAGE), ("budget for libraries", "how much is spent on roads next year?")),
    ):
        for query in meant:
            assert relevant(kind, queries, query, thing) > 0.6
        for query in ("asdfghjkl", "qwe rty uio", "a steam locomotive"):
            assert relevant(kind, queries, query, thing) < 0.5


@pytest.mark.parametrize(
    ("query", "other"),
    [("bread recipe", "notes"), ("butterfly", "notes"), ("suspension bridge", "report"), ("red car", "holiday plans")],
)
def test_texts_that_are_only_both_short_are_not_relevant(
    calibration: Any, queries: Any, query: str, other: str
) -> None:
    assert relevant(calibration.texts, queries, query, queries(other)) < 0.5


def test_more_alike_is_more_relevant(calibration: Any, queries: Any) -> None:
    factor, _ = calibration.pictures.scale(queries("a cat"))
    assert factor > 0
    assert relevance.probability(-800) == pytest.approx(0)
    assert relevance.probability(0) == 0.5
    assert relevance.probability(800) == pytest.approx(1)


@pytest.mark.parametrize("query", ["qwertyuiop", "asdf", "zzz", "cvtrax", "shmurhyq", "hgfdsa", "jjjkkk"])
def test_what_looks_like_words_and_means_nothing_is_doubted(calibration: Any, queries: Any, query: str) -> None:
    """Though the model knows pieces of it."""
    assert calibration.nonsense.doubt(queries(query)) > 1


@pytest.mark.parametrize("query", ["cat", "a lute", "giraffes", "red wine", "invoice", "typewriter", "mp3", "choclate"])
def test_words_are_not_doubted(calibration: Any, queries: Any, query: str) -> None:
    assert calibration.nonsense.doubt(queries(query)) == 0


def test_the_bundled_model_brings_its_own_along(calibration: Any) -> None:
    """After a change of model, labels or their texts: ``Calibration.by(table, Nonsense.by(table)).keep()``."""
    bundled = relevance.Calibration.bundled()
    for name in ("pictures", "texts"):
        kept, made = getattr(bundled, name), getattr(calibration, name)
        assert kept.mean == pytest.approx(made.mean, abs=1e-3)
        assert (kept.even, kept.deviation) == pytest.approx((made.even, made.deviation), abs=1e-3)
    assert bundled.nonsense.way == pytest.approx(calibration.nonsense.way, abs=1e-3)
    assert bundled.nonsense.start == pytest.approx(calibration.nonsense.start, abs=1e-3)
