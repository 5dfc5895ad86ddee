"""What the gateway is told by its environment (12-factor); read once, in the process's main module."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256

from broker.secrets.encryption import secret_keys
from gateway.auth import Tenants, parse_api_keys

_MAX_UPLOAD_BYTES = 2 * 1024**3


@dataclass(frozen=True)
class GatewaySettings:
    """Settings of the gateway alone; the broker's are ``broker.config.BrokerSettings``."""

    tenants: Tenants
    #: Signs stream links; older keys follow after commas. All gateways of one deployment need the same.
    secret_key: str = field(repr=False)
    #: The largest file that is accepted, in bytes.
    max_upload_bytes: int = _MAX_UPLOAD_BYTES
    #: Where plugins find their settings.
    environ: Mapping[str, str] = field(default_factory=dict, repr=False)

    @classmethod
    def from_env(cls, environ: Mapping[str, str]) -> "GatewaySettings":
        """Settings from ``API_KEYS``, ``SECRET_KEY``, ``MAX_UPLOAD_BYTES``. Raises ``ValueError``, naming the bad one.

        Without ``SECRET_KEY`` links are signed with a key derived from ``API_KEYS``: every gateway that was given the
        same keys agrees on it, and changing any key ends all links.
        """
        api_keys = environ.get("API_KEYS", "")
        tenants = parse_api_keys(api_keys)
        given = environ.get("SECRET_KEY", "")
        derived = sha256(b"mindia-tasks stream links\0" + api_keys.encode()).hexdigest()
        secret = given if secret_keys(given) else derived
        return cls(tenants, secret, _bytes(environ, "MAX_UPLOAD_BYTES", _MAX_UPLOAD_BYTES), environ)


def _bytes(environ: Mapping[str, str], name: str, default: int) -> int:
    text = environ.get(name, "")
    if not text:
        return default
    if not text.isascii() or not text.isdigit() or not 1 <= len(text) <= 15 or int(text) == 0:
        raise ValueError(f"{name}={text!r} must be a whole number of bytes above 0")
    return int(text)
