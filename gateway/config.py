"""What the gateway is told by its environment (12-factor); read once, in the process's main module."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256

from broker.environment.reading import read
from broker.environment.variables import default
from broker.environment.video_profiles import BUILT_IN, DEFAULT, Profile, profiles
from broker.secrets.encryption import secret_keys
from gateway.auth import Tenants


@dataclass(frozen=True)
class GatewaySettings:
    """Settings of the gateway alone; the broker's are ``broker.config.BrokerSettings``."""

    tenants: Tenants
    #: Signs stream links; older keys follow after commas. All gateways of one deployment need the same.
    secret_key: str = field(repr=False)
    #: The largest file that is accepted, in bytes.
    max_upload_bytes: int = default("MAX_UPLOAD_BYTES")
    #: Where the operator reaches rq-dashboard; empty where it is not told.
    dashboard_url: str = default("DASHBOARD_URL")
    #: With it as a bearer token, /metrics may be read; empty where only the operator may.
    metrics_token: str = field(default=default("METRICS_TOKEN"), repr=False)
    #: Kinds of media that are made searchable when their upload does not say.
    embed_uploads: frozenset[str] = frozenset(default("EMBED_UPLOADS").split(","))
    #: Origins whose pages may play streams; empty for all.
    stream_origins: frozenset[str] = frozenset()
    #: Origins whose pages may upload by tus; ``*`` for all, empty for none but the gateway's own.
    upload_origins: frozenset[str] = frozenset()
    #: Whether playlists name segments where they are stored, if that can be asked by whoever has a signed URL.
    stream_presigned: bool = default("STREAM_PRESIGNED")
    #: How videos can be encoded, by name, and the name that stands for those that have none.
    video_profiles: Mapping[str, Profile] = field(default_factory=lambda: BUILT_IN)
    video_profile: str = DEFAULT
    #: Where plugins find their settings.
    environ: Mapping[str, str] = field(default_factory=dict, repr=False)

    @classmethod
    def from_env(cls, environ: Mapping[str, str]) -> "GatewaySettings":
        """Settings from ``API_KEYS``, ``SECRET_KEY``, ``MAX_UPLOAD_BYTES``, ``DASHBOARD_URL``. Raises ``BadSettings``.

        Without ``SECRET_KEY`` links are signed with a key derived from ``API_KEYS``: every gateway that was given the
        same keys agrees on it, and changing any key ends all links.
        """
        values = read(environ, required=("API_KEYS",))
        derived = sha256(b"mindia-tasks stream links\0" + environ["API_KEYS"].encode()).hexdigest()
        secret = values["SECRET_KEY"] if secret_keys(values["SECRET_KEY"]) else derived
        return cls(
            Tenants(values["API_KEYS"]),
            secret,
            values["MAX_UPLOAD_BYTES"],
            values["DASHBOARD_URL"],
            values["METRICS_TOKEN"],
            frozenset(values["EMBED_UPLOADS"].split(",")),
            _origins(values["STREAM_ALLOWED_ORIGINS"]) - {"*"},
            _origins(values["UPLOAD_ALLOWED_ORIGINS"]),
            values["STREAM_PRESIGNED"],
            profiles(values),
            values["VIDEO_PROFILE"],
            environ,
        )


def _origins(text: str) -> frozenset[str]:
    """As browsers write them: without a default port or a slash, in small letters."""
    return frozenset(text.lower().split(",")) if text else frozenset()
