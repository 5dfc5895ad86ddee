"""The plugin ``http_request``: a service of the tenant's own works on the file. Needs no account."""

import json
from collections.abc import Mapping
from typing import Any

from marshmallow import Schema, ValidationError, fields, validate

from broker.environment.reading import read_one
from broker.errors import PermanentError, RateLimited, TransientError
from broker.outbound.guard import Answer, TargetRefused, check_url, guarded_post
from broker.plugin import Plugin, PluginContext
from broker.tasks import stored_json
from handlers.plugin_execution.http import USUAL_WAIT, retry_after

#: Seconds in which the service has to answer, and bytes of its answer that are kept.
_TIMEOUT, _MAX_ANSWER = 60.0, 64 * 1024
_MAY_PASS = frozenset({408, 425})
#: Levels of an answer that is kept as JSON; the task's result puts it into some of its own.
_DEEPEST = stored_json.MAX_DEPTH - 10


def _callable(url: str) -> None:
    """Refuses what could never be called; where a name leads to is looked at each time that it is called."""
    try:
        check_url(url, allow_private=True)
    except TargetRefused as error:
        raise ValidationError(error.message) from None


class HttpRequestConfig(Schema):
    """Set by the tenant; ``allow_private`` by ``WEBHOOKS_ALLOW_PRIVATE``."""

    url = fields.String(
        required=True, validate=_callable, metadata={"description": "Where the request goes: http:// or https://."}
    )
    authorization = fields.String(
        load_only=True,
        validate=validate.Regexp(r"^[\x20-\x7e]{1,2000}(?![\s\S])"),
        metadata={"description": "The whole header Authorization, such as Bearer and a token."},
    )
    allow_private = fields.Boolean(load_default=False)


class HttpRequest(Plugin):
    """Posts a link to the file and keeps the answer."""

    name = "http_request"
    description = "Posts a link to the file to a service of yours, and keeps what it answers."
    media_types = frozenset({"video", "image", "audio", "document"})
    config_schema = HttpRequestConfig
    operator_settings = frozenset({"allow_private"})
    destination = frozenset({"url"})

    def config(self, environ: Mapping[str, str], own: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """As of every plugin; whether private addresses may be called is one setting for all that calls out."""
        allowed = read_one(environ, "WEBHOOKS_ALLOW_PRIVATE")
        return super().config(environ, own) | {"allow_private": allowed}

    def execute(self, context: PluginContext) -> dict[str, Any]:
        """``{"status", "body": JSON value or text, "truncated"}``. The service may be asked more than once for a task.

        It gets ``{"task_id", "media": {"id", "kind", "filename", "content_type", "size"}, "url"}``, and the task's id
        as ``Idempotency-Key``. 429 and 5xx are tried again.
        """
        config = context.config
        headers = {"Content-Type": "application/json", "Idempotency-Key": context.task_id}
        if "authorization" in config:
            headers["Authorization"] = config["authorization"]
        answer = guarded_post(
            config["url"],
            json.dumps(_question(context)).encode(),
            {"User-Agent": "mindia-tasks-http-request/1", **headers},
            allow_private=config["allow_private"],
            timeout=min(_TIMEOUT, context.seconds_left()),
            max_bytes=_MAX_ANSWER,
        )
        _check(answer)
        return {"status": answer.status, "body": _body(answer), "truncated": not answer.complete}


def _question(context: PluginContext) -> dict[str, Any]:
    about = {name: getattr(context.media, name) for name in ("id", "kind", "filename", "content_type", "size")}
    return {"task_id": context.task_id, "media": about, "url": context.media_url()}


def _check(answer: Answer) -> None:
    """Raises what any answer but success means."""
    status, wish = answer.status, retry_after(answer.headers.get("Retry-After"))
    if status == 429:
        raise RateLimited("The service asks for fewer requests.", retry_after=wish or USUAL_WAIT)
    if status >= 500 or status in _MAY_PASS:
        raise TransientError(f"The service answered {status}.", retry_after=wish)
    if not 200 <= status < 300:
        raise PermanentError(f"The service answered {status}; redirects are not followed.")


def _body(answer: Answer) -> Any:
    """What is JSON and can be kept as such, anything else as text."""
    text = answer.body.decode("utf-8", "replace")
    try:
        value = json.loads(text)
        stored_json.encode_strictly(value)  # JSON can say 1e400 and half a surrogate pair, which nobody can read back
    except (ValueError, RecursionError):
        return text
    return text if stored_json.deeper_than(value, _DEEPEST) else value
