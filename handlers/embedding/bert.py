"""Embeds queries without torch: the forward pass of a BERT in numpy, for a search process that is small and quick to
start.

J. Devlin et al., "BERT: Pre-training of Deep Bidirectional Transformers", 2018, with the mean pooling of
N. Reimers and I. Gurevych, "Sentence-BERT", 2019. Reads the folders that sentence-transformers writes.
"""

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file
from tokenizers import Tokenizer

from handlers.embedding.unit import unit

Array = NDArray[np.float32]


class UnsupportedModel(Exception):
    """This folder holds a model of another kind."""


class Bert:
    """One text at a time, equal to sentence-transformers up to rounding."""

    sees = False

    def __init__(self, folder: Path) -> None:
        """Raises ``UnsupportedModel``."""
        try:
            config = _supported_config(folder)
            weights = load_file(folder / "model.safetensors")
            tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
            tokenizer.enable_truncation(_json(folder / "sentence_bert_config.json")["max_seq_length"])
        except Exception as error:  # also of tokenizers, which raises nothing more special
            raise UnsupportedModel(f"{folder}: {error}") from error
        tokenizer.no_padding()
        self._tokenizer = tokenizer
        self._weights = {name.removeprefix("bert."): array.astype(np.float32) for name, array in weights.items()}
        self._heads = int(config["num_attention_heads"])
        self._epsilon = float(config["layer_norm_eps"])
        self._layers = [f"encoder.layer.{number}." for number in range(config["num_hidden_layers"])]
        self.dimensions = int(config["hidden_size"])

    def __call__(self, text: str) -> Array:
        """(dimensions,), L2-normalised. What is longer than the model reads is cut off."""
        ids = self._tokenizer.encode(text).ids
        x = (
            self._weights["embeddings.word_embeddings.weight"][ids]
            + self._weights["embeddings.position_embeddings.weight"][: len(ids)]
            + self._weights["embeddings.token_type_embeddings.weight"][0]
        )
        x = self._norm(x, "embeddings.LayerNorm")
        for layer in self._layers:
            x = self._norm(x + self._attend(x, layer), layer + "attention.output.LayerNorm")
            inner = _gelu(self._linear(x, layer + "intermediate.dense"))
            x = self._norm(x + self._linear(inner, layer + "output.dense"), layer + "output.LayerNorm")
        return unit(x.mean(axis=0))

    def texts(self, texts: Sequence[str]) -> Array:
        """(texts, dimensions)"""
        return np.stack([self(text) for text in texts])

    def pieces(self, word: str) -> int:
        """Into how many pieces the model cuts a word."""
        return len(self._tokenizer.encode(word, add_special_tokens=False).ids)

    def _attend(self, x: Array, layer: str) -> Array:
        """Multi-head scaled dot-product attention over all tokens. (tokens, hidden) -> (tokens, hidden)"""
        query, key, value = (
            self._linear(x, f"{layer}attention.self.{name}").reshape(len(x), self._heads, -1).swapaxes(0, 1)
            for name in ("query", "key", "value")
        )
        scores = query @ key.swapaxes(1, 2) / np.float32(math.sqrt(query.shape[2]))
        scores = np.exp(scores - scores.max(axis=-1, keepdims=True))
        attended = (scores / scores.sum(axis=-1, keepdims=True)) @ value
        return self._linear(attended.swapaxes(0, 1).reshape(x.shape), layer + "attention.output.dense")

    def _linear(self, x: Array, name: str) -> Array:
        product: Array = x @ self._weights[name + ".weight"].T + self._weights[name + ".bias"]
        return product

    def _norm(self, x: Array, name: str) -> Array:
        x = x - x.mean(axis=-1, keepdims=True)
        x /= np.sqrt((x * x).mean(axis=-1, keepdims=True) + self._epsilon)
        return x * self._weights[name + ".weight"] + self._weights[name + ".bias"]


def _gelu(x: Array) -> Array:
    """x * Phi(x), the error function by Abramowitz and Stegun 7.1.26 (absolute error below 1.5e-7)."""
    z = np.abs(x) * np.float32(1 / math.sqrt(2))
    t = 1 / (1 + np.float32(0.3275911) * z)
    series = ((((1.061405429 * t - 1.453152027) * t + 1.421413741) * t - 0.284496736) * t + 0.254829592) * t
    error_function = np.sign(x) * (1 - series * np.exp(-z * z))
    result: Array = (x * (1 + error_function) / 2).astype(np.float32)
    return result


def _supported_config(folder: Path) -> dict[str, Any]:
    modules = [module["type"].rpartition(".")[2] for module in _json(folder / "modules.json")]
    pooling = _json(folder / "1_Pooling" / "config.json")
    prompts = _json(folder / "config_sentence_transformers.json").get("prompts") or {}
    config: dict[str, Any] = _json(folder / "config.json")
    modes = {name for name, on in pooling.items() if name.startswith("pooling_mode_") and on}
    checks = {
        "modules": modules[:2] == ["Transformer", "Pooling"] and modules[2:] in ([], ["Normalize"]),
        "pooling": modes == {"pooling_mode_mean_tokens"} or pooling.get("pooling_mode") == "mean",
        "prompts": not any(prompts.values()),
        "model_type": config["model_type"] == "bert",
        "hidden_act": config["hidden_act"] == "gelu",
        "position_embedding_type": config.get("position_embedding_type", "absolute") == "absolute",
    }
    wrong = [name for name, right in checks.items() if not right]
    if wrong:
        raise UnsupportedModel(f"{folder}: not a plain mean-pooled BERT ({', '.join(wrong)})")
    return config


def _json(path: Path) -> Any:
    return json.loads(path.read_text())
