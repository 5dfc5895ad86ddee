"""What the dashboard is told by its environment, and the little of it that it may keep."""

from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import ip_address

#: A process that shows what strangers wrote keeps no secret but the address of Redis.
_KEPT = {
    *("REDIS_URL", "RQ_KEY_PREFIX"),
    *("HOME", "LANG", "LC_ALL", "PATH", "PYTHONPATH", "PYTHONUNBUFFERED", "TMPDIR", "TZ", "VIRTUAL_ENV"),
}
_OURS = "DASHBOARD_"


@dataclass(frozen=True)
class DashboardSettings:
    """Where the dashboard listens and who may enter."""

    redis_url: str
    host: str = "127.0.0.1"
    #: 0 takes a free one.
    port: int = 0
    user: str = ""
    password: str = ""

    @classmethod
    def from_env(cls, environ: Mapping[str, str]) -> "DashboardSettings":
        """Settings from ``REDIS_URL`` and ``DASHBOARD_HOST, _PORT, _USER, _PASSWORD``. Raises ``ValueError``."""
        redis_url = environ.get("REDIS_URL", "")
        if not redis_url:
            raise ValueError("REDIS_URL is not set: point it at the broker's Redis")
        port = environ.get("DASHBOARD_PORT") or "0"
        if not port.isascii() or not port.isdigit() or int(port) > 65535:
            raise ValueError(f"DASHBOARD_PORT={port!r} must be a number up to 65535")
        host = environ.get("DASHBOARD_HOST") or "127.0.0.1"
        user, password = environ.get("DASHBOARD_USER", ""), environ.get("DASHBOARD_PASSWORD", "")
        if bool(user) != bool(password):
            raise ValueError("set both DASHBOARD_USER and DASHBOARD_PASSWORD, or neither")
        if not user and not is_loopback(host):
            raise ValueError(
                f"DASHBOARD_HOST={host} lets others in, and they could delete tasks: set DASHBOARD_USER and "
                "DASHBOARD_PASSWORD too"
            )
        return cls(redis_url, host, int(port), user, password)


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches the address."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def reduced(environ: Mapping[str, str]) -> dict[str, str]:
    """The environment without what the dashboard has no use for, API keys and storage credentials among it."""
    return {name: value for name, value in environ.items() if name in _KEPT or name.startswith(_OURS)}
