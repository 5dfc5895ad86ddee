"""The plugin ``assembly_ai``: speech to text by AssemblyAI, paid once however often the task is tried.

What the service knows of this task is remembered after each step, so that a later run goes on where the last one
ended: it uploads once, orders once, and otherwise only looks. Between two looks it is postponed and holds no worker.
"""

import json
import time
from collections.abc import Callable
from typing import Any

from marshmallow import Schema, fields, validate

from broker.errors import PermanentError, Postpone, RateLimited, TransientError
from broker.plugin import Plugin, PluginContext
from handlers.plugins.assembly_ai_client import AssemblyAIClient
from handlers.plugins.assembly_ai_order import SETTLING, Order

#: The next look comes after so much of the time that the transcript has taken already, within seconds: a short file is
#: not waited for in vain, and a long one is not asked after for nothing.
_PART, _SOONEST, _LATEST = 0.2, 3.0, 60.0
#: A wait goes on through so many failed looks in a row: the transcript is being made, and starting over gains nothing.
_FAILED_LOOKS = 10
#: Seconds after which a transcript is not waited for any more; AssemblyAI takes minutes.
_LONGEST_WAIT = 24 * 3600
_FAILED = "failed_looks"
#: How the service says that it has no such transcript (any more), and besides that one is not this account's.
_GONE, _NOT_OURS = frozenset({400, 404, 410}), frozenset({400, 403, 404, 410})
#: What of a transcript is worth keeping with the task, and of each of its words (times in milliseconds).
_KEPT = ("text", "language_code", "language_confidence", "confidence", "audio_duration", "speech_model_used")
_OF_WORDS = ("text", "start", "end", "confidence")
#: Bytes of JSON that fit into a task's result, of words and of the text beside them; three hours of speech have more
#: words, eight hours more text.
_MOST_WORDS, _MOST_TEXT = 600_000, 400_000


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

        The same as a file, ``transcript.json``; ``words``, or even ``text``, is ``None`` when it does not fit into a
        result.
        """
        client = AssemblyAIClient(context.http, context.config["base_url"], context.config["api_key"])
        order = Order(client, context, self._now)
        if not order.transcript_id:
            order.place()
            raise Postpone(_SOONEST)
        transcript = _look(client, context, order)
        if transcript["status"] == "error":
            raise _failure(order, transcript)
        if transcript["status"] != "completed":
            raise Postpone(_pause(order))
        return _result(context, transcript)


def _look(client: AssemblyAIClient, context: PluginContext, order: Order) -> dict[str, Any]:
    """The transcript. A look that fails is repeated later, without a retry, unless too many did in a row."""
    failed = context.recall(_FAILED) or 0
    try:
        transcript = client.transcript(order.transcript_id or "")
    except RateLimited:
        raise
    except PermanentError as error:
        raise _lost(order, error) from None
    except TransientError as error:
        if failed + 1 >= _FAILED_LOOKS:
            raise
        context.log.warning("the transcript %s cannot be looked at: %s", order.transcript_id, error.message)
        context.remember(_FAILED, failed + 1)
        raise Postpone(_pause(order)) from None
    if failed:
        context.remember(_FAILED, 0)
    order.belongs_to_this_account()
    return transcript


def _lost(order: Order, error: PermanentError) -> BaseException:
    """How a run ends to which the service does not show the transcript."""
    moved = order.of_another_account
    if error.extra.get("answered") not in (_NOT_OURS if moved else _GONE):
        return error
    if order.age < SETTLING:  # it may not know yet what it has just taken
        return Postpone(_pause(order))
    order.forget()
    if moved:  # nothing was paid by the account of this key
        return Postpone(0)
    return PermanentError("AssemblyAI does not have the transcript any more; retry the task to order and pay another.")


def _pause(order: Order) -> float:
    """Seconds until the next look."""
    if order.age > _LONGEST_WAIT:
        order.restart_age()
        raise PermanentError(
            f"AssemblyAI has not finished the transcript in {_LONGEST_WAIT // 3600} hours; retry the task to go on."
        )
    return min(_LATEST, max(_SOONEST, order.age * _PART))


def _result(context: PluginContext, transcript: dict[str, Any]) -> dict[str, Any]:
    said = [word for word in transcript.get("words") or [] if isinstance(word, dict)]
    words = [{name: word.get(name) for name in _OF_WORDS} for word in said]
    kept = {"transcript_id": transcript["id"], **{name: transcript.get(name) for name in _KEPT}, "words": words}
    context.caption(words, kept["language_code"])
    context.save("transcript.json", json.dumps(kept, ensure_ascii=False).encode())
    return {**kept, "text": _fitting(kept["text"], _MOST_TEXT), "words": _fitting(words, _MOST_WORDS)}


def _fitting(value: Any, most: int) -> Any:
    """The value, or ``None`` when it has more than so many bytes of JSON."""
    return value if len(json.dumps(value, ensure_ascii=False).encode()) <= most else None


def _failure(order: Order, transcript: dict[str, Any]) -> PermanentError:
    """Failed transcripts are not paid, so a retry by hand orders a new one."""
    order.forget()
    said = str(transcript.get("error") or "no reason given")
    return PermanentError(f"AssemblyAI could not transcribe the file: {said[:300]}")
