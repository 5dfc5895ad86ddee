"""The Idempotency-Key header: one creation per key, however often it is asked for."""

import base64
import hashlib
import json
import re
import zlib
from collections.abc import Callable
from typing import Any
from uuid import UUID

from flask import Response, current_app, request
from marshmallow import ValidationError, fields

from broker.errors import TaskBrokerError
from broker.schema import Schema
from broker.tasks.idempotency import StoredAnswer
from gateway.current import broker, tenant

_MAX_KEY = 255
#: Answers of more characters than this are stored compressed, behind a prefix with which no JSON text begins.
_LONG, _PACKED = 16 * 1024, "zlib:"
#: A structured field string (RFC 9651, section 3.3.3), and the same characters without quotes.
_QUOTED = re.compile(r'"((?:[\x20\x21\x23-\x5b\x5d-\x7e]|\\["\\])*)"')
_BARE = re.compile(r"[\x21\x23-\x7e]+")


class _Key(fields.String):
    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        quoted = _QUOTED.fullmatch(value)
        key = re.sub(r"\\(.)", r"\1", quoted[1]) if quoted else value
        if not (quoted or _BARE.fullmatch(value)) or not 1 <= len(key) <= _MAX_KEY:
            raise ValidationError(f"Must be 1 to {_MAX_KEY} visible ASCII characters, bare or in double quotes.")
        return key


class IdempotencyHeader(Schema):
    """The header that every request which creates something may have."""

    key = _Key(
        data_key="Idempotency-Key",
        metadata={
            "description": "Makes the request safe to repeat: for 24 hours a repeat returns the first answer, another "
            "request under the same key is refused (422), and so is a repeat while the first still runs (409).",
            "example": '"8e03978e-40d5-43e8-bc93-6894a57f9324"',
            "pattern": r'^([!#-~]{1,255}|"([ !#-\[\]-~]|\\["\\]){1,255}")(?![\s\S])',
        },
    )


def idempotent(
    headers: dict[str, Any],
    content: Callable[[], Any],
    create: Callable[[UUID | None], Response],
    *,
    secret: bool = False,
) -> Response:
    """What ``create`` answers, or what it answered when this key was first used by this tenant on this route.

    ``content`` tells what the request asks for, as JSON values. ``create`` takes the UUID to make its new ids from; it
    stays the same when an attempt is taken over from one that died, so that nothing is created twice. Without a key it
    is None, and any ids will do. An answer that contains a ``secret`` is kept encrypted.
    """
    if "key" not in headers:
        return create(None)
    scope = (tenant().name, str(request.url_rule), headers["key"])
    records = broker().idempotency
    begun = records.begin(*scope, _fingerprint(content()))
    if isinstance(begun, StoredAnswer):
        location = {"Location": begun.location} if begun.location else {}
        return Response(_unpacked(begun.body), begun.status, location, "application/json")
    try:
        response = create(begun)
    except BaseException:
        _unless_lost(lambda: records.abandon(*scope))
        raise
    body = _packed(response.get_data(as_text=True))
    answer = StoredAnswer(response.status_code, response.headers.get("Location", ""), body)
    _unless_lost(lambda: records.finish(*scope, answer, secret=secret))
    return response


def _packed(body: str) -> str:
    """The answer as it is stored; a long one, such as a batch's, shrinks to about a tenth."""
    if len(body) <= _LONG:
        return body
    return _PACKED + base64.b85encode(zlib.compress(body.encode(), 1)).decode()


def _unpacked(body: str) -> str:
    if not body.startswith(_PACKED):
        return body
    return zlib.decompress(base64.b85decode(body[len(_PACKED) :])).decode()


def _fingerprint(content: Any) -> str:
    """Tells requests apart: by path and content, whatever the order of an object's members."""
    return hashlib.sha256(json.dumps([request.path, content], sort_keys=True).encode()).hexdigest()


def _unless_lost(write: Callable[[], None]) -> None:
    """Does not fail when the record cannot be written: ids come from the seed, so a repeat finds what was done."""
    try:
        write()
    except TaskBrokerError as error:
        current_app.logger.warning("the record of an Idempotency-Key was not written: %s", error)
