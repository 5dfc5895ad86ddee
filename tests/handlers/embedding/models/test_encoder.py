"""Guards the default model: what its vectors are, and that photographs are found by what they show."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.handlers.embedding.conftest import NEEDS, needs_torch

np = pytest.importorskip("numpy", reason=NEEDS)
embedder = pytest.importorskip("handlers.embedding.models.embedder", reason=NEEDS, exc_type=ImportError)
Image = pytest.importorskip("PIL.Image", reason=NEEDS)
labels = pytest.importorskip("handlers.embedding.models.labels", reason=NEEDS, exc_type=ImportError)
picture = pytest.importorskip("handlers.embedding.reading.picture", reason=NEEDS, exc_type=ImportError)
opening = pytest.importorskip("handlers.embedding.search.opening", reason=NEEDS, exc_type=ImportError)
needs_torch()

#: Queries, and the photograph that answers each, none of which says what it shows in its pixels alone.
QUERIES = {
    "a cat": "chelsea.png",
    "a cup of coffee": "coffee.png",
    "rocket launch": "rocket.jpg",
    "a motorbike in a garage": "motorcycle_left.png",
    "a page of text": "page.png",
    "a temple in Asia": "china.jpg",
    "flowers in the garden": "flower.jpg",
    "an animal one can ride": "horse.png",
}


def test_vectors_are_of_length_one_and_as_many_as_asked(encoder: Any) -> None:
    vectors = encoder.texts(["a dog", "", "word " * 2000])
    assert vectors.shape == (3, encoder.dimensions) == (3, 384)
    assert vectors.dtype == np.float32
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(1, abs=1e-5)


def test_texts_that_mean_the_same_are_close(encoder: Any) -> None:
    puppy, dog, invoice = encoder.texts(["a puppy on the lawn", "young dog in the grass", "payment is due in 30 days"])
    assert puppy @ dog > 0.5 > 0.2 > puppy @ invoice


def test_photographs_are_found_by_what_they_show(encoder: Any, photos: dict[str, Path]) -> None:
    shown = encoder.pictures([picture.read_picture(path) for path in photos.values()])
    assert np.linalg.norm(shown, axis=1) == pytest.approx(1, abs=1e-5)
    asked = encoder.queries(list(QUERIES))
    found = [list(photos)[best] for best in (asked @ shown.T).argmax(axis=1)]
    assert dict(zip(QUERIES, found, strict=True)) == QUERIES


def test_long_texts_are_cut_into_passages_that_the_model_reads_whole(encoder: Any) -> None:
    story = "Once upon a time in a small town. " * 100 + "The treasure lies under the old oak tree."
    cut = [passage for _, passage in encoder.passages(story)]
    assert len(cut) > 3
    assert cut[-1].endswith("old oak tree.")
    scores = encoder.texts(cut) @ encoder.queries(["where is the treasure hidden?"])[0]
    assert scores.argmax() == len(cut) - 1


def test_the_label_table_is_computed_once_and_survives_damage(tmp_path: Path) -> None:
    asked: list[str] = []

    def encode(texts: list[str]):
        asked.extend(texts)
        return np.array([[len(text), 1.0, 2.0] for text in texts], np.float32)

    def rows(*numbers: int):
        return labels.LabelTable(encode, "m", 3, tmp_path).rows(np.array(numbers))

    first = rows(281, 5)
    assert asked[0] == "tabby cat: a cat with a grey or tawny coat mottled with black"
    assert asked[2].startswith("tabby cat: A domestic cat with the characteristic tabby coat pattern")
    assert np.linalg.norm(first, axis=1) == pytest.approx(1, abs=1e-6)
    computed = len(asked)
    assert rows(5, 281) == pytest.approx(first[::-1])
    assert len(asked) == computed
    rows(5, 6)
    assert len(asked) == computed + 2
    (file,) = tmp_path.iterdir()
    file.write_bytes(b"damaged")
    assert rows(281, 5) == pytest.approx(first)


def test_every_label_is_told_by_its_own_gloss(tmp_path: Path) -> None:
    asked: list[str] = []

    def encode(texts: list[str]):
        asked.extend(texts)
        return np.ones((len(texts), 3), np.float32)

    labels.LabelTable(encode, "m", 3, tmp_path, ("{gloss}",)).rows(np.arange(labels.LABELS))
    assert len(asked) == labels.LABELS
    assert all(asked)
    assert asked[281] == "a cat with a grey or tawny coat mottled with black"
    assert asked[999] == "a soft thin absorbent paper for use in toilets"


def test_what_all_labels_have_in_common_tells_nothing(tmp_path: Path) -> None:
    def encode(texts: list[str]):
        return np.array([[100.0, len(text), len(set(text))] for text in texts], np.float32)

    table = labels.LabelTable(encode, "m", 3, tmp_path)
    some = np.array(labels.SOME)
    rows = table.rows(some)
    assert (rows @ rows.T).min() > 0
    differences = table.differences(some)
    assert np.linalg.norm(differences, axis=1) == pytest.approx(1, abs=1e-6)
    assert (differences @ differences.T).min() < -0.9
    assert differences[3] == pytest.approx(labels.unit(rows[3] - rows.mean(axis=0)), abs=1e-5)
    known = labels.LabelTable(encode, "m", 3, tmp_path, common=np.array([1, 0, 0], np.float32))
    assert known.differences(some)[3] == pytest.approx(labels.unit(rows[3] - np.array([1, 0, 0])), abs=1e-5)


def test_a_table_that_cannot_be_kept_is_used_all_the_same(tmp_path: Path) -> None:
    nowhere = tmp_path / "file"
    nowhere.write_text("not a folder")
    table = labels.LabelTable(lambda texts: np.ones((len(texts), 3), np.float32), "m", 3, nowhere)
    assert table.rows(np.array([1, 2])).shape == (2, 3)


def test_a_folder_that_holds_no_model_is_named(embed_settings: Any, model: Any, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "pytorch_model.bin").write_bytes(b"nothing")
    broken = type(embed_settings)(name="broken", location=str(tmp_path), cache=tmp_path)
    with pytest.raises(embedder.UnusableModel, match=f"EMBED_MODEL={tmp_path} cannot be loaded: .") as refused:
        model.Encoder(broken)
    assert "\n" not in str(refused.value)
    with pytest.raises(ValueError, match="cannot be loaded"):
        opening.query_embedder(broken)


@pytest.mark.parametrize(
    ("wanted", "seen", "device"),
    [("", True, "cuda"), ("", False, "cpu"), ("cpu", True, "cpu"), ("cuda", True, "cuda"), ("cpu", False, "cpu")],
)
def test_it_works_on_the_gpu_where_there_is_one_unless_told_otherwise(
    embed_settings: Any, model: Any, monkeypatch: pytest.MonkeyPatch, wanted: str, seen: bool, device: str
) -> None:
    placed: dict[str, str] = {}

    class Model:
        modalities = ("text",)

        def __init__(self, location: str, device: str, **_: Any) -> None:
            placed["texts"] = device

        def encode_document(self, texts: list[str], **_: Any):
            return np.ones((len(texts), 384), np.float32)

    def classifier(device: str):
        placed["pictures"] = device
        return lambda views: np.ones((len(views), 1000), np.float32)

    monkeypatch.setattr(model, "SentenceTransformer", Model)
    monkeypatch.setattr(embedder, "classifier", classifier)
    monkeypatch.setattr(model.torch.cuda, "is_available", lambda: seen)
    made = embedder.open_embedder(replace(embed_settings, torch=wanted))
    made.pictures([Image.new("RGB", (8, 8))])
    assert placed == {"texts": device, "pictures": device}


def test_a_gpu_that_is_demanded_and_not_there_is_missed(
    embed_settings: Any, model: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(model.torch.cuda, "is_available", lambda: False)
    with pytest.raises(embedder.UnusableModel, match="TORCH=cuda, but torch sees no GPU here"):
        embedder.open_embedder(replace(embed_settings, torch="cuda"))
