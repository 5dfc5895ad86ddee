"""What the broker is told by its environment (12-factor); read once, in the process's main module."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

_PUBLIC_URL = re.compile(r"(https?://[\w.:\[\]-]+(/[\w./~-]*)?)?")
_PREFIX = re.compile(r"[A-Za-z0-9_.:{}-]+")


@dataclass(frozen=True)
class BrokerSettings:
    """Settings shared by gateway, daemon, workers and search."""

    redis_url: str
    #: First part of every key; a hash tag such as ``{tasks}`` keeps one broker in one slot of a cluster.
    key_prefix: str = "rq"
    #: ``everysec`` answers when Redis has the task in memory; ``fsync`` when it is on disk (Redis 7.2+, Valkey).
    durability: str = "everysec"
    data_dir: Path = Path(".data")
    #: ``file:///path`` or ``s3://bucket/prefix``; empty means a folder in ``data_dir``.
    storage_url: str = ""
    #: How long a running task survives without a sign of life from its worker: shorter finds dead machines sooner,
    #: longer tolerates longer pauses. Renewed every fifth of it.
    lease_seconds: float = 5.0
    #: Deaths of its worker in a row after which a task is failed instead of being tried again.
    max_crashes: int = 3
    #: Waiting tasks per tenant and type above which submissions are refused; 0 means no bound.
    max_pending: int = 1_000_000
    #: Days that ended tasks can be read.
    retention_days: float = 30.0
    #: Worker child processes per worker.
    worker_processes: int = 2
    #: Seconds after SIGTERM in which running tasks may still end before they are handed back.
    drain_seconds: float = 18.0
    #: A child is replaced after so many tasks, and after a task that leaves it above so many MiB of memory.
    child_max_tasks: int = 100_000
    child_max_rss_mib: int = 4096
    #: MiB of vectors that a search process keeps in memory; tenants that have not searched for long leave it first.
    search_memory_mib: int = 1024
    #: Where the gateway is reached from outside, for links that leave the system: ``https://tasks.example.com``.
    public_url: str = ""
    #: Encrypts what is secret in Redis; older keys follow after commas, until nothing of theirs is left.
    secret_key: str = field(default="", repr=False)
    #: Webhooks and plugins may call private addresses, which in production would open the internal network to tenants.
    webhooks_allow_private: bool = False

    @classmethod
    def from_env(cls, environ: Mapping[str, str]) -> "BrokerSettings":
        """Settings from variables named as the fields in capitals. Raises ``ValueError``, naming the bad one."""
        url = environ.get("REDIS_URL", "")
        if not url:
            raise ValueError("REDIS_URL is not set: point it at a Redis or Valkey server, or use `make run`")
        if not url.startswith(("redis://", "rediss://", "unix://")):
            raise ValueError("REDIS_URL must begin with redis://, rediss:// or unix://")
        return cls(
            redis_url=url,
            key_prefix=_choice(environ, "RQ_KEY_PREFIX", "rq", _PREFIX),
            durability=_choice(environ, "DURABILITY", "everysec", re.compile("everysec|fsync")),
            data_dir=Path(environ.get("DATA_DIR") or ".data"),
            storage_url=environ.get("STORAGE_URL", ""),
            lease_seconds=_number(environ, "LEASE_SECONDS", 5.0, 1.0, 3600.0),
            max_crashes=_whole(environ, "MAX_CRASHES", 3, 1, 1000),
            max_pending=_whole(environ, "MAX_PENDING", 1_000_000, 0, 1e9),
            retention_days=_number(environ, "RETENTION_DAYS", 30.0, 0.0, 3650.0),
            worker_processes=_whole(environ, "WORKER_PROCESSES", 2, 1, 256),
            drain_seconds=_number(environ, "DRAIN_SECONDS", 18.0, 0.0, 3600.0),
            child_max_tasks=_whole(environ, "CHILD_MAX_TASKS", 100_000, 1, 1e9),
            child_max_rss_mib=_whole(environ, "CHILD_MAX_RSS_MIB", 4096, 64, 1e6),
            search_memory_mib=_whole(environ, "SEARCH_MEMORY_MIB", 1024, 16, 1e6),
            public_url=_choice(environ, "PUBLIC_URL", "", _PUBLIC_URL).rstrip("/"),
            secret_key=environ.get("SECRET_KEY", ""),
            webhooks_allow_private=_choice(environ, "WEBHOOKS_ALLOW_PRIVATE", "0", re.compile("[01]")) == "1",
        )


def _choice(environ: Mapping[str, str], name: str, default: str, allowed: re.Pattern[str]) -> str:
    value = environ.get(name) or default
    if not allowed.fullmatch(value):
        raise ValueError(f"{name}={value!r} must match {allowed.pattern}")
    return value


def _whole(environ: Mapping[str, str], name: str, default: int, low: float, high: float) -> int:
    value = _number(environ, name, default, low, high)
    if value != int(value):
        raise ValueError(f"{name}={environ[name]} must be a whole number")
    return int(value)


def _number(environ: Mapping[str, str], name: str, default: float, low: float, high: float) -> float:
    text = environ.get(name)
    if not text:
        return default
    try:
        value = float(text)
    except ValueError:
        raise ValueError(f"{name}={text!r} is not a number") from None
    if not low <= value <= high:
        raise ValueError(f"{name}={text} must lie between {low:g} and {high:g}")
    return value
