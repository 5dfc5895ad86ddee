"""The text of an API key: ``mt_<public id>_<secret>``.

The beginning and the fixed form let scanners find a key that has leaked. The secret has 256 random bits, so one round
of SHA-256 hides it: no guess is likelier than another, and a slow hash would only slow requests down.
"""

import re
import secrets
from hashlib import sha256

_KEY = re.compile(r"mt_([0-9a-f]{12})_[0-9a-f]{64}", re.ASCII)
_ID = re.compile(r"[0-9a-f]{12}", re.ASCII)


def new_id() -> str:
    """48 random bits, to name a key by."""
    return secrets.token_hex(6)


def new_key(key_id: str) -> str:
    """The whole text of a key with a new secret."""
    return f"mt_{key_id}_{secrets.token_hex(32)}"


def is_id(text: str) -> bool:
    """Whether a key may have this id."""
    return _ID.fullmatch(text) is not None


def id_of(text: str) -> str:
    """The public id in what may be a key; empty for what is none."""
    found = _KEY.fullmatch(text)
    return found[1] if found else ""


def digest(text: str) -> str:
    """What is kept of a key."""
    return sha256(text.encode()).hexdigest()
