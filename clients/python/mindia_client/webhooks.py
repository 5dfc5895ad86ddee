"""Whether a webhook is ours: its signature after Standard Webhooks 1.0, compared in constant time."""

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Mapping
from typing import Any

from mindia_client.errors import MindiaError

#: Seconds that the sender's clock may differ from ours.
_TOLERANCE = 300


class BadSignature(MindiaError):
    """This is not signed with the secret, or was signed too long ago: answer 400 and do nothing."""


def verify(body: bytes | str, headers: Mapping[str, str], secret: str, now: float | None = None) -> dict[str, Any]:
    """The event ``{type, timestamp, data}``. ``secret`` is the webhook's ``whsec_…``, ``headers`` those of the request.

    Tell repeats by the header ``webhook-id``. Raises ``BadSignature``.
    """
    lower = {name.lower(): value for name, value in headers.items()}
    raw = body.encode() if isinstance(body, str) else body
    try:
        event_id, signed_at = lower["webhook-id"], int(lower["webhook-timestamp"])
        signatures = [each.removeprefix("v1,") for each in lower["webhook-signature"].split() if each[:3] == "v1,"]
        key = base64.b64decode(secret.removeprefix("whsec_"), validate=True)
    except (KeyError, ValueError) as error:
        raise BadSignature("the headers of a signed webhook are missing or no secret was given") from error
    if abs((time.time() if now is None else now) - signed_at) > _TOLERANCE:
        raise BadSignature("signed too long ago, or one of the clocks is wrong")
    wanted = base64.b64encode(hmac.digest(key, f"{event_id}.{signed_at}.".encode() + raw, hashlib.sha256))
    if not any(hmac.compare_digest(wanted, each.encode()) for each in signatures):
        raise BadSignature("not signed with this secret")
    event: dict[str, Any] = json.loads(raw)
    return event
