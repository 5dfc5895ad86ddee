"""Secrets and signatures after Standard Webhooks 1.0, "Verifying webhook authenticity"."""

import base64
import hmac
import secrets
from collections.abc import Sequence

_PREFIX = "whsec_"
#: The specification asks for 24 to 64.
_BYTES = 32


def new_secret() -> str:
    """A symmetric key: ``whsec_`` and random bytes in base64."""
    return _PREFIX + base64.b64encode(secrets.token_bytes(_BYTES)).decode()


def signed_headers(event_id: str, seconds: int, body: bytes, keys: Sequence[str]) -> dict[str, str]:
    """The three headers of one attempt. ``seconds`` since the epoch is the attempt's time, not the event's; while a
    secret is being rotated there are two keys, and a signature by each.
    """
    signed = f"{event_id}.{seconds}.".encode() + body
    return {
        "webhook-id": event_id,
        "webhook-timestamp": str(seconds),
        "webhook-signature": " ".join(_signature(key, signed) for key in keys),
    }


def _signature(key: str, signed: bytes) -> str:
    secret = base64.b64decode(key.removeprefix(_PREFIX))
    return f"v1,{base64.b64encode(hmac.digest(secret, signed, 'sha256')).decode()}"
