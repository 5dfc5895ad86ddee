"""Guards the start of a search with a model that the operator chose: what is told of its vectors, and told once."""

from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any
from zlib import crc32

import pytest

from broker.media.vectors import RedisVectors
from broker.search.request import SearchRequest
from tests.handlers.embedding.conftest import NEEDS
from tests.search_fixtures import NewMedia

np = pytest.importorskip("numpy", reason=NEEDS)
opening = pytest.importorskip("handlers.embedding.search.opening", reason=NEEDS, exc_type=ImportError)
sense = pytest.importorskip("handlers.embedding.models.sense", reason=NEEDS, exc_type=ImportError)

DIMENSIONS = 32
#: Of no language that the model knows.
LETTERS = "xkqvzu wafjho"
#: A cosine at which a thing is just relevant.
NEAR = 0.53


class Model:
    """Texts that mean something lie around one axis, those of another language aside of it, letters around a third."""

    sees = False

    def __init__(self) -> None:
        self.asked: list[str] = []

    def __call__(self, text: str) -> Any:
        return self.queries([text])[0]

    def queries(self, texts: Sequence[str]) -> Any:
        self.asked.extend(texts)
        return np.stack([self._vector(text) for text in texts])

    def texts(self, texts: Sequence[str]) -> Any:
        """As no query is embedded."""
        self.asked.extend(texts)
        return np.stack([self._vector(text) for text in texts])[:, ::-1]

    def pieces(self, word: str) -> int:
        return 1

    @staticmethod
    def _vector(text: str) -> Any:
        vector = 0.4 * np.random.default_rng(crc32(text.encode())).normal(size=DIMENSIONS)
        words = set(text.split())
        foreign, letters = (bool(words & set(each)) for each in (FOREIGN, MEANINGLESS))
        vector[:3] += (0 if foreign or letters else 3, 3 if foreign else 0, 3 if letters else 0)
        return (vector / np.linalg.norm(vector)).astype(np.float32)


FOREIGN = [*sense._FOREIGN.split(), "Rechnungen", "vacances"]
MEANINGLESS = [*sense._MEANINGLESS.split(), *LETTERS.split()]


@pytest.fixture
def opened(vectors: RedisVectors, tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> Callable[[], tuple[Model, Any]]:
    """The model, and a searcher that has just been opened with it."""

    def go() -> tuple[Model, Any]:
        model = Model()
        settings = SimpleNamespace(name="m", tag="m", bundled=False, cache=tmp_path)
        monkeypatch.setattr(opening.preflight, "check_model", lambda environ: settings)
        monkeypatch.setattr(opening, "query_embedder", lambda settings: model)
        facts = lambda _, ids: {each: opening.Facts(0, 1, each, frozenset()) for each in ids}  # noqa: E731
        return model, opening.open_searcher({}, vectors, facts, lambda key: None)

    return go


def test_what_means_nothing_to_it_finds_nothing(
    opened: Callable[[], tuple[Model, Any]], vectors: RedisVectors, new_media: NewMedia
) -> None:
    """Of other languages than English, too, words are no letters."""
    model, searcher = opened()

    def found(query: str) -> bool:
        document, asked = new_media(kind="document"), model(query)
        aside = np.random.default_rng(1).normal(size=DIMENSIONS)
        aside -= aside @ asked * asked
        near = NEAR * asked + (1 - NEAR**2) ** 0.5 * aside / np.linalg.norm(aside)
        vectors.put("acme", "m", "document", document, [near.astype("<f2").tobytes()])
        while (hits := searcher.answer(SearchRequest("acme", query, min_relevance=0.5))) is None:
            assert searcher.work()
        return document in {hit.entity_id for hit in hits}

    assert found("a hedgehog")
    assert not found(LETTERS)
    doubt = searcher.encoders.own.judge.doubt
    assert [doubt(word, model(word)) for word in ("a hedgehog", "Rechnungen", "vacances")] == [0, 0, 0]


def test_what_was_told_of_its_vectors_is_kept(opened: Callable[[], tuple[Model, Any]], tmp_path: Any) -> None:
    first, _ = opened()
    assert len(first.asked) > 200
    again, searcher = opened()
    assert again.asked == ["warm up"]
    for file in tmp_path.iterdir():
        file.write_bytes(b"damaged")
    mended, same = opened()
    assert sorted(mended.asked) == sorted(first.asked)
    one, other = (each.encoders.own.judge.calibration.nonsense for each in (searcher, same))
    assert one.way == pytest.approx(other.way)
