"""The plugin ``assembly_ai``: speech to text by AssemblyAI, paid once however often the task is tried.

What the service knows of this task is remembered after each step, so that a later run goes on where the last one
ended: it uploads once, orders once, and otherwise only looks. Between two looks it is postponed and holds no worker.
"""

import json
import time
from collections.abc import Callable, Iterator
from typing import Any, BinaryIO

from marshmallow import Schema, fields, validate

from broker.errors import PermanentError, Postpone, RateLimited, TransientError
from broker.plugin import Plugin, PluginContext
from handlers.plugins.assembly_ai_client import AssemblyAIClient

_CHUNK = 1024 * 1024
#: The next look comes after so much of the time that the transcript has taken already, within seconds: a short file is
#: not waited for in vain, and a long one does not use up the starts that the type's rate allows.
_PART, _SOONEST, _LATEST = 0.2, 3.0, 60.0
#: A wait goes on through so many failed looks in a row: the transcript is being made, and starting over gains nothing.
_FAILED_LOOKS = 10
#: Seconds after which a transcript is not waited for any more; AssemblyAI takes minutes.
_LONGEST_WAIT = 24 * 3600
_UPLOAD_URL, _TRANSCRIPT_ID, _ORDERED_AT, _FAILED = "upload_url", "transcript_id", "ordered_at", "failed_looks"
#: What of a transcript is worth keeping with the task, and of each of its words (times in milliseconds).
_KEPT = ("text", "language_code", "language_confidence", "confidence", "audio_duration", "speech_model_used")
_OF_WORDS = ("text", "start", "end", "confidence")
#: Bytes of JSON of words that fit into a task's result, beside the text; three hours of speech have more.
_MOST_WORDS = 600_000


class AssemblyAIConfig(Schema):
    """Set by ``ASSEMBLY_AI_API_KEY``, ``ASSEMBLY_AI_BASE_URL``, ..."""

    api_key = fields.String(
        required=True,
        load_only=True,
        validate=validate.Regexp(r"^[\x21-\x7e]{1,200}(?![\s\S])"),
        metadata={"description": "Key of an AssemblyAI account."},
    )
    base_url = fields.Url(
        load_default="https://api.assemblyai.com",
        require_tld=False,
        schemes={"http", "https"},
        metadata={"description": "https://api.eu.assemblyai.com keeps the data in the EU."},
    )
    speech_models = fields.String(
        load_default="assemblyai-stt-3-7,universal-2",
        validate=validate.Regexp(r"^[\w.-]+(,[\w.-]+)*(?![\s\S])"),
        metadata={"description": "Models in order of preference; the second takes the languages the first lacks."},
    )
    language_code = fields.String(
        validate=validate.Length(2, 20), metadata={"description": "Language of all files; detected when not set."}
    )


class AssemblyAI(Plugin):
    """Transcribes what is said in audio and video files."""

    name = "assembly_ai"
    description = "Transcribes speech with AssemblyAI, with the time of every word."
    media_types = frozenset({"audio", "video"})
    config_schema = AssemblyAIConfig
    operator_settings = destination = frozenset({"base_url"})

    def __init__(self, now: Callable[[], float] = time.time) -> None:
        self._now = now

    def execute(self, context: PluginContext) -> dict[str, Any]:
        """``transcript_id``, ``text``, languages, confidences (0..1), seconds of audio, ``words`` with milliseconds.

        The same as a file, ``transcript.json``; ``words`` is ``None`` when they do not fit into a result.
        """
        client = AssemblyAIClient(context.http, context.config["base_url"], context.config["api_key"])
        transcript_id = context.recall(_TRANSCRIPT_ID)
        if not transcript_id:
            _order(client, context, self._now)
            raise Postpone(_SOONEST)
        transcript = self._look(client, context, transcript_id)
        if transcript["status"] == "error":
            raise _failure(context, transcript)
        if transcript["status"] != "completed":
            raise Postpone(self._pause(context))
        return _result(context, transcript_id, transcript)

    def _look(self, client: AssemblyAIClient, context: PluginContext, transcript_id: str) -> dict[str, Any]:
        """The transcript; a look that fails is repeated later, without a retry, unless too many did in a row."""
        failed = context.recall(_FAILED) or 0
        try:
            transcript = client.transcript(transcript_id)
        except RateLimited:
            raise
        except TransientError as error:
            if failed + 1 >= _FAILED_LOOKS:
                raise
            context.log.warning("the transcript %s cannot be looked at: %s", transcript_id, error.message)
            context.remember(_FAILED, failed + 1)
            raise Postpone(self._pause(context)) from None
        if failed:
            context.remember(_FAILED, 0)
        return transcript

    def _pause(self, context: PluginContext) -> float:
        """Seconds until the next look."""
        ordered_at = context.recall(_ORDERED_AT) or self._now()
        waited = self._now() - ordered_at
        if waited > _LONGEST_WAIT:
            context.remember(_ORDERED_AT, self._now())
            raise PermanentError(
                f"AssemblyAI has not finished the transcript in {_LONGEST_WAIT // 3600} hours; retry the task to go on."
            )
        return min(_LATEST, max(_SOONEST, waited * _PART))


def _order(client: AssemblyAIClient, context: PluginContext, now: Callable[[], float]) -> None:
    """Remembers a transcript's id. An earlier run may have ordered it and ended before it could note the id."""
    audio_url = context.recall(_UPLOAD_URL)
    transcript_id = client.find(audio_url) if audio_url else None
    if not audio_url:
        with context.open() as file:
            audio_url = client.upload(_chunks(file, context))
        context.remember(_UPLOAD_URL, audio_url)
    if not transcript_id:
        transcript_id = _create(client, context, audio_url)
    context.remember(_ORDERED_AT, now())
    context.remember(_TRANSCRIPT_ID, transcript_id)


def _create(client: AssemblyAIClient, context: PluginContext, audio_url: str) -> str:
    language = context.config.get("language_code")
    options = {
        "speech_models": context.config["speech_models"].split(","),
        **({"language_code": language} if language else {"language_detection": True}),
    }
    try:
        return client.create(audio_url, options)
    except PermanentError:
        context.remember(_UPLOAD_URL, None)  # A retry by hand, with another key for one, needs an upload of its own.
        raise


def _chunks(file: BinaryIO, context: PluginContext) -> Iterator[bytes]:
    """The file in pieces; the upload is the first half of the way."""
    sent = 0
    while chunk := file.read(_CHUNK):
        yield chunk
        sent += len(chunk)
        context.progress(50 * sent / max(context.media.size, sent), "uploading")


def _result(context: PluginContext, transcript_id: str, transcript: dict[str, Any]) -> dict[str, Any]:
    words = [{name: word.get(name) for name in _OF_WORDS} for word in transcript.get("words") or []]
    result = {"transcript_id": transcript_id, **{name: transcript.get(name) for name in _KEPT}, "words": words}
    context.save("transcript.json", json.dumps(result, ensure_ascii=False).encode())
    fit = len(json.dumps(words, ensure_ascii=False).encode()) <= _MOST_WORDS
    return {**result, "words": words if fit else None}


def _failure(context: PluginContext, transcript: dict[str, Any]) -> PermanentError:
    """Failed transcripts are not paid, so a retry by hand orders a new one."""
    context.remember(_TRANSCRIPT_ID, None)
    context.remember(_UPLOAD_URL, None)
    said = str(transcript.get("error") or "no reason given")
    return PermanentError(f"AssemblyAI could not transcribe the file: {said[:300]}")
