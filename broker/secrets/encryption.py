"""Secrets at rest: JSON under keys derived from ``SECRET_KEY`` (Fernet: AES-128-CBC with HMAC-SHA256)."""

import json
from base64 import urlsafe_b64encode
from functools import cached_property
from typing import Any

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from broker.errors import TaskBrokerError

#: Keeps these keys apart from whatever else is derived from the same secret.
_PURPOSE = b"mindia-tasks secrets at rest"


class SecretKeyMissing(TaskBrokerError):
    """Secrets cannot be kept here: the operator has to set SECRET_KEY, the same for gateways and workers."""

    code, status = "secret_key_missing", 409


class Undecryptable(TaskBrokerError):
    """What is stored was encrypted under another SECRET_KEY: store it again, or append the old key after a comma."""

    code, status = "undecryptable", 409


def secret_keys(text: str) -> list[str]:
    """The keys in ``SECRET_KEY``, separated by commas: the first makes new things, all are good for old ones."""
    return [key for each in text.split(",") if (key := each.strip())]


class SecretBox:
    """Encrypts with the first key and decrypts with any. The two raise ``SecretKeyMissing`` when there is none."""

    def __init__(self, secret_key: str) -> None:
        self._secret_key = secret_key

    def encrypt(self, value: Any, label: str) -> str:
        """A JSON value as text that only the same ``label`` opens, so that nobody passes one secret off as another."""
        return self._fernet.encrypt(json.dumps([label, value]).encode()).decode()

    def decrypt(self, token: str, label: str) -> Any:
        """The value. Raises ``Undecryptable`` for one of another key or label."""
        try:
            found, value = json.loads(self._fernet.decrypt(token))
        except InvalidToken:
            raise Undecryptable() from None
        if found != label:
            raise Undecryptable()
        return value

    @cached_property
    def _fernet(self) -> MultiFernet:
        keys = secret_keys(self._secret_key)
        if not keys:
            raise SecretKeyMissing()
        return MultiFernet([Fernet(_derive(key)) for key in keys])


def _derive(secret: str) -> bytes:
    return urlsafe_b64encode(HKDF(SHA256(), 32, salt=None, info=_PURPOSE).derive(secret.encode()))
