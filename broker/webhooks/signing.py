"""Secrets, encrypted at rest, and signatures after Standard Webhooks 1.0, "Verifying webhook authenticity"."""

import base64
import hmac
import secrets
from collections.abc import Sequence

from broker.secrets.encryption import SecretBox

_PREFIX = "whsec_"
#: The specification asks for 24 to 64.
_BYTES = 32


def new_secret() -> str:
    """A symmetric key: ``whsec_`` and random bytes in base64."""
    return _PREFIX + base64.b64encode(secrets.token_bytes(_BYTES)).decode()


class SigningSecrets:
    """Endpoints' secrets as Redis keeps them: encrypted under ``SECRET_KEY``, each for its endpoint alone."""

    def __init__(self, secret_key: str) -> None:
        self._box = SecretBox(secret_key)

    def seal(self, endpoint: str, secret: str) -> str:
        """The text to be stored. Raises ``SecretKeyMissing``."""
        return self._box.encrypt(secret, _label(endpoint))

    def open(self, endpoint: str, stored: str) -> str:
        """The secret. Raises ``SecretKeyMissing``, ``Undecryptable``."""
        if is_plain(stored):
            return stored
        return str(self._box.decrypt(stored, _label(endpoint)))


def is_plain(stored: str) -> bool:
    """Whether it was stored by a release that did not encrypt secrets; it is used until it is rotated."""
    return stored.startswith(_PREFIX)


def _label(endpoint: str) -> str:
    return f"secret of webhook {endpoint}"


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
