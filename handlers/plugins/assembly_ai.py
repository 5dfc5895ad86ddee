"""The plugin ``assembly_ai``: speech to text by AssemblyAI, paid once however often the task is tried.

What the service knows of this task is remembered after each step, so that a later run goes on where the last one
ended: it uploads once, orders once, and otherwise only waits.
"""

import time
from collections.abc import Callable, Iterator
from typing import Any, BinaryIO

from marshmallow import Schema, fields, validate

from broker.errors import PermanentError, TransientError
from broker.plugin import Plugin, PluginContext
from handlers.plugins.assembly_ai_client import AssemblyAIClient

_CHUNK = 1024 * 1024
#: A wait goes on through so many failed looks in a row: the transcript is being made, and starting over gains nothing.
_FAILED_LOOKS = 5
_UPLOAD_URL, _TRANSCRIPT_ID = "upload_url", "transcript_id"
#: What of a transcript is worth keeping with the task; word timings of an hour alone would be a megabyte.
_KEPT = ("text", "language_code", "language_confidence", "confidence", "audio_duration", "speech_model_used")


class AssemblyAIConfig(Schema):
    """Set by ``ASSEMBLY_AI_API_KEY``, ``ASSEMBLY_AI_BASE_URL``, ..."""

    api_key = fields.String(
        required=True,
        load_only=True,
        validate=validate.Regexp(r"[\x21-\x7e]{1,200}\Z"),
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
        validate=validate.Regexp(r"[\w.-]+(,[\w.-]+)*\Z"),
        metadata={"description": "Models in order of preference; the second takes the languages the first lacks."},
    )
    language_code = fields.String(
        validate=validate.Length(2, 20), metadata={"description": "Language of all files; detected when not set."}
    )


class AssemblyAI(Plugin):
    """Transcribes what is said in audio and video files."""

    name = "assembly_ai"
    description = "Transcribes speech with AssemblyAI."
    media_types = frozenset({"audio", "video"})
    config_schema = AssemblyAIConfig

    def __init__(self, sleep: Callable[[float], None] = time.sleep, poll_seconds: float = 3.0) -> None:
        """``poll_seconds`` pass between two looks at an unfinished transcript (3 is the service's own advice)."""
        self._sleep = sleep
        self._poll_seconds = poll_seconds

    def execute(self, context: PluginContext) -> dict[str, Any]:
        """``transcript_id`` and the transcript's ``text``, languages, confidences (0..1) and seconds of audio."""
        with AssemblyAIClient(context.config["base_url"], context.config["api_key"]) as client:
            transcript_id = context.recall(_TRANSCRIPT_ID) or _order(client, context)
            transcript = self._wait(client, context, transcript_id)
        return {"transcript_id": transcript_id, **{name: transcript.get(name) for name in _KEPT}}

    def _wait(self, client: AssemblyAIClient, context: PluginContext, transcript_id: str) -> dict[str, Any]:
        failed_looks = 0
        while context.seconds_left() > 2 * self._poll_seconds:
            try:
                transcript = client.transcript(transcript_id)
                failed_looks = 0
            except TransientError:
                failed_looks += 1
                if failed_looks == _FAILED_LOOKS:
                    raise
            else:
                if transcript["status"] == "completed":
                    return transcript
                if transcript["status"] == "error":
                    raise _failure(context, transcript)
                context.progress(50, str(transcript["status"]))
            self._sleep(self._poll_seconds)
        raise TransientError("AssemblyAI is not done with the transcript yet; the next try goes on waiting for it.")


def _order(client: AssemblyAIClient, context: PluginContext) -> str:
    """A transcript's id. An earlier run may have ordered it and ended before it could note the id."""
    audio_url = context.recall(_UPLOAD_URL)
    transcript_id = client.find(audio_url) if audio_url else None
    if not audio_url:
        with context.open() as file:
            audio_url = client.upload(_chunks(file, context))
        context.remember(_UPLOAD_URL, audio_url)
    if not transcript_id:
        transcript_id = _create(client, context, audio_url)
    context.remember(_TRANSCRIPT_ID, transcript_id)
    return transcript_id


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


def _failure(context: PluginContext, transcript: dict[str, Any]) -> PermanentError:
    """Failed transcripts are not paid, so a retry by hand orders a new one."""
    context.remember(_TRANSCRIPT_ID, None)
    context.remember(_UPLOAD_URL, None)
    said = str(transcript.get("error") or "no reason given").replace(context.config["api_key"], "[API key]")
    return PermanentError(f"AssemblyAI could not transcribe the file: {said[:300]}")
