"""What the dashboard is told by its environment, and the little of it that it may keep."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from broker.environment.reading import read
from broker.environment.variables import default

#: A process that shows what strangers wrote keeps no secret but the address of Redis.
_KEPT = {
    *("REDIS_URL", "RQ_KEY_PREFIX", "LOG_FORMAT"),
    *("HOME", "LANG", "LC_ALL", "PATH", "PYTHONPATH", "PYTHONUNBUFFERED", "TMPDIR", "TZ", "VIRTUAL_ENV"),
}
_OURS = "DASHBOARD_"


@dataclass(frozen=True)
class DashboardSettings:
    """Where the dashboard listens and who may enter."""

    redis_url: str
    host: str = default("DASHBOARD_HOST")
    #: 0 takes a free one.
    port: int = default("DASHBOARD_PORT")
    user: str = default("DASHBOARD_USER")
    password: str = field(default=default("DASHBOARD_PASSWORD"), repr=False)
    key_prefix: str = default("RQ_KEY_PREFIX")

    @classmethod
    def from_env(cls, environ: Mapping[str, str]) -> "DashboardSettings":
        """Settings from ``REDIS_URL`` and ``DASHBOARD_HOST, _PORT, _USER, _PASSWORD``. Raises ``BadSettings``."""
        values = read(environ, required=("REDIS_URL",))
        host, port, user, password = (values[f"{_OURS}{name}"] for name in ("HOST", "PORT", "USER", "PASSWORD"))
        return cls(values["REDIS_URL"], host, port, user, password, values["RQ_KEY_PREFIX"])


def reduced(environ: Mapping[str, str]) -> dict[str, str]:
    """The environment without what the dashboard has no use for, API keys and storage credentials among it."""
    return {name: value for name, value in environ.items() if name in _KEPT or name.startswith(_OURS)}
