"""What the broker is told by its environment (12-factor); read once, in the process's main module."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path

from broker.environment.reading import read
from broker.environment.variables import default

#: Fields whose variable is not called as they are.
_CALLED = {"key_prefix": "RQ_KEY_PREFIX"}


@dataclass(frozen=True)
class BrokerSettings:
    """Settings shared by gateway, daemon, workers and search."""

    redis_url: str
    #: First part of every key; a hash tag such as ``{tasks}`` keeps one broker in one slot of a cluster.
    key_prefix: str = default("RQ_KEY_PREFIX")
    #: ``everysec`` answers when Redis has the task in memory; ``fsync`` when it is on disk (Redis 7.2+, Valkey);
    #: ``replicas:1`` (to 9) when so many replicas have it in memory too; ``fsync+replicas:1`` both.
    durability: str = default("DURABILITY")
    data_dir: Path = field(default=default("DATA_DIR"))
    #: ``file:///path`` or ``s3://bucket/prefix``; empty means a folder in ``data_dir``.
    storage_url: str = default("STORAGE_URL")
    #: How long a running task survives without a sign of life from its worker: shorter finds dead machines sooner,
    #: longer tolerates longer pauses. Renewed every fifth of it.
    lease_seconds: float = default("LEASE_SECONDS")
    #: Deaths of its worker in a row after which a task is failed instead of being tried again.
    max_crashes: int = default("MAX_CRASHES")
    #: Waiting tasks per tenant and type, due or not yet, above which submissions are refused; 0 means no bound.
    max_pending: int = default("MAX_PENDING")
    #: Quotas of a tenant for which nothing else was set; 0 means none. See `broker.usage.quotas`.
    quota_stored_bytes: int = default("QUOTA_STORED_BYTES")
    quota_uploads_per_day: int = default("QUOTA_UPLOADS_PER_DAY")
    quota_requests_per_minute: int = default("QUOTA_REQUESTS_PER_MINUTE")
    quota_waiting_tasks: int = default("QUOTA_WAITING_TASKS")
    quota_cpu_seconds_per_day: int = default("QUOTA_CPU_SECONDS_PER_DAY")
    quota_cpu_seconds_per_month: int = default("QUOTA_CPU_SECONDS_PER_MONTH")
    quota_media_seconds_per_day: int = default("QUOTA_MEDIA_SECONDS_PER_DAY")
    quota_media_seconds_per_month: int = default("QUOTA_MEDIA_SECONDS_PER_MONTH")
    #: Days that ended tasks can be read.
    retention_days: float = default("RETENTION_DAYS")
    #: Days after which uploaded files are deleted with all that was made of them; ``None``: never.
    media_retention_days: float | None = default("MEDIA_RETENTION_DAYS")
    reprocess_keep_days: float = default("REPROCESS_KEEP_DAYS")
    #: Hours without another byte after which a resumable upload that is not complete is removed.
    upload_expires_hours: float = default("UPLOAD_EXPIRES_HOURS")
    #: KiB of what its runs say that are kept of a task, the newest; 0: nothing.
    task_log_kib: int = default("TASK_LOG_KIB")
    #: Worker child processes per worker.
    worker_processes: int = default("WORKER_PROCESSES")
    #: Seconds after SIGTERM in which running tasks may still end before they are handed back.
    drain_seconds: float = default("DRAIN_SECONDS")
    #: A child is replaced after so many tasks, and after a task that leaves it above so many MiB of memory.
    child_max_tasks: int = default("CHILD_MAX_TASKS")
    child_max_rss_mib: int = default("CHILD_MAX_RSS_MIB")
    #: MiB of vectors that a search process keeps in memory; tenants that have not searched for long leave it first.
    search_memory_mib: int = default("SEARCH_MEMORY_MIB")
    #: Vectors of one kind of a tenant's media from which an index is searched; 0: never.
    search_hnsw_from: int = default("SEARCH_HNSW_FROM")
    #: Where each search process of this machine keeps its index over restarts; ``None``: ``search`` in ``data_dir``.
    search_index_dir: Path | None = field(default=default("SEARCH_INDEX_DIR"))
    #: Days that the vectors of a former model stay once those of the present one are complete.
    search_keep_days: float = default("SEARCH_KEEP_DAYS")
    #: Where the gateway is reached from outside, for links that leave the system: ``https://tasks.example.com``.
    public_url: str = default("PUBLIC_URL")
    #: Encrypts what is secret in Redis; older keys follow after commas, until nothing of theirs is left.
    secret_key: str = field(default=default("SECRET_KEY"), repr=False)
    #: Webhooks and plugins may call private addresses, which in production would open the internal network to tenants.
    webhooks_allow_private: bool = default("WEBHOOKS_ALLOW_PRIVATE")

    #: An RQ system whose queues may be taken over: its Redis ('' for ours) and prefix, the queues with commas between,
    #: and the tenant whose tasks its jobs become.
    adopt_rq_url: str = field(default=default("ADOPT_RQ_URL"), repr=False)
    adopt_rq_prefix: str = default("ADOPT_RQ_PREFIX")
    adopt_rq_queues: str = default("ADOPT_RQ_QUEUES")
    adopt_rq_tenant: str = default("ADOPT_RQ_TENANT")

    @property
    def quotas(self) -> dict[str, int]:
        """The quotas of a tenant without its own, by name; 0 means none."""
        prefix = "quota_"
        return {each.name.removeprefix(prefix): getattr(self, each.name) for each in fields(self)
                if each.name.startswith(prefix)}  # fmt: skip

    @classmethod
    def from_env(cls, environ: Mapping[str, str]) -> "BrokerSettings":
        """Settings from variables named as the fields in capitals. Raises ``BadSettings`` for all that is wrong."""
        values = read(environ, required=("REDIS_URL",))
        return cls(**{each.name: values[_CALLED.get(each.name, each.name.upper())] for each in fields(cls)})
