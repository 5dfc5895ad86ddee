"""Guards models that the operator chooses: one that sees embeds pictures itself, and no two models are ever mixed."""

from pathlib import Path
from typing import Any

import pytest

from broker.broker import Broker
from tests.handlers.embedding.conftest import NEEDS, Embed, Upload, needs_torch

np = pytest.importorskip("numpy", reason=NEEDS)
Image = pytest.importorskip("PIL.Image", reason=NEEDS)
run = pytest.importorskip("handlers.embedding.run", reason=NEEDS, exc_type=ImportError)
opening = pytest.importorskip("handlers.embedding.search.opening", reason=NEEDS, exc_type=ImportError)
settings = pytest.importorskip("handlers.embedding.models.settings", reason=NEEDS, exc_type=ImportError)
needs_torch()


@pytest.fixture(scope="session")
def tiny_clip() -> Any:
    return pytest.importorskip("tests.handlers.embedding.tiny_clip", reason=NEEDS, exc_type=ImportError)


@pytest.fixture(scope="session")
def clip_folder(tiny_clip: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_clip.write(tmp_path_factory.mktemp("models") / "clip")


@pytest.fixture(scope="session")
def clip_settings(clip_folder: Path) -> Any:
    return settings.EmbeddingSettings.from_env({"EMBED_MODEL": str(clip_folder), "DATA_DIR": str(clip_folder)})


@pytest.fixture(scope="session")
def clip(clip_settings: Any, model: Any) -> Any:
    return model.Encoder(clip_settings)


def test_a_model_that_sees_embeds_pictures_by_itself(clip: Any, clip_folder: Path, tiny_clip: Any) -> None:
    assert clip.sees
    red, blue = Image.new("RGB", (50, 40), "red"), Image.new("RGB", (50, 40), "blue")
    vectors = clip.pictures([red, blue, red])
    assert vectors.shape == (3, tiny_clip.DIMENSIONS) == clip.texts(["one", "two", "three"]).shape
    assert vectors[0] == pytest.approx(vectors[2], abs=1e-5)
    assert vectors[0] != pytest.approx(vectors[1], abs=1e-3)
    assert not list(clip_folder.glob("cache/labels-*"))


def test_its_passages_fit_into_what_it_reads(clip: Any, tiny_clip: Any) -> None:
    cut = [passage for _, passage in clip.passages("hello world " * 100)]
    assert len(cut) > 10
    assert all(len(passage.replace(" ", "")) <= 75 for passage in cut)
    assert clip.texts(cut).shape == (len(cut), tiny_clip.DIMENSIONS)


def test_a_file_name_does_not_outweigh_what_such_a_model_sees(
    clip: Any, embed: Embed, upload: Upload, broker: Broker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run, "_encoder", lambda: clip)
    Image.new("RGB", (50, 40), "red").save(tmp_path / "a.png")
    for filename in ("IMG_0001.png", "green parrot.png"):
        embed(upload(tmp_path / "a.png", "image", filename))
    one, other = (np.frombuffer(each.parts[0], "<f2") for each in broker.vectors.all("acme", clip.name))
    assert one == pytest.approx(other)


def test_queries_for_it_are_embedded_in_its_own_space(clip: Any, clip_settings: Any) -> None:
    embed_query = opening.query_embedder(clip_settings)
    assert embed_query("a cat") == pytest.approx(clip.queries(["a cat"])[0], abs=1e-6)


def test_vectors_of_two_models_lie_apart(
    clip: Any, tiny_clip: Any, encoder: Any, embed: Embed, upload: Upload, broker: Broker, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    Image.new("RGB", (50, 40), "red").save(tmp_path / "a.png")
    record = upload(tmp_path / "a.png", "image")
    assert embed(record) == {"model": encoder.name, "dimensions": 384, "vectors": 1}
    monkeypatch.setattr(run, "_encoder", lambda: clip)
    assert embed(record) == {"model": clip.name, "dimensions": tiny_clip.DIMENSIONS, "vectors": 1}
    for each in (encoder, clip):
        (stored,) = broker.vectors.all("acme", each.name)
        assert len(stored.parts[0]) == 2 * each.dimensions


def test_a_folders_name_tells_its_weights_apart(
    clip_settings: Any, clip_folder: Path, tiny_clip: Any, tmp_path: Path
) -> None:
    def named(folder: Path) -> str:
        name: str = settings.EmbeddingSettings.from_env({"EMBED_MODEL": str(folder)}).name
        return name

    assert clip_settings.name == named(clip_folder)
    assert clip_settings.name.startswith("clip@")
    trained_anew = tiny_clip.write(tmp_path / "clip", seed=1)
    assert named(trained_anew).startswith("clip@")
    assert named(trained_anew) != clip_settings.name


def test_a_public_name_is_taken_as_it_is() -> None:
    chosen = settings.EmbeddingSettings.from_env({"EMBED_MODEL": "sentence-transformers/clip-ViT-B-32"})
    assert chosen.name == chosen.location == "sentence-transformers/clip-ViT-B-32"
    assert chosen.folder is None
