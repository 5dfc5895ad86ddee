"""Every environment variable of every process: its converter, default and bounds, and one line of what it is.

Those of task types and plugins come from their declarations: ``TaskType.variables``, ``Plugin.config_schema``.
"""

from pathlib import Path
from typing import Any

from marshmallow import EXCLUDE, Schema, ValidationError, validates_schema

from broker.settings.addresses import Host, PublicUrl, RedisUrl, StorageUrl, is_loopback
from broker.settings.converters import Folder, Number, OneOf, Setting, Switch, Text, Whole
from broker.settings.credentials import ApiKeys, Password, SecretKey

_HOST = {"pattern": r"[\w.:%-]+|\[[\w.:%]+\]", "write": "write a name or an address, without a port"}
#: No client asks below ``/.`` or ``/..``: they mean other places.
_SCRIPT_NAME = r"(/(?!\.\.?(/|$))[A-Za-z0-9._~-]+)*"
_PUBLIC_URL = r"https?://[\w.:\[\]-]+(/[\w./~-]*)?"


class Variables(Schema):
    """Names, in the order in which they are told of."""

    class Meta:
        unknown = EXCLUDE

    PORT = Whole("Where the gateway listens.", 8000, 1, 65535)
    HOST = Host("The address it listens on.", **_HOST)
    WEB_CONCURRENCY = Whole("Gateway processes.", 2, 1, 1024)
    SCRIPT_NAME = Text(
        "The path below which the gateway lies.",
        "",
        _SCRIPT_NAME,
        "write it as /tasks, in letters, digits and . _ ~ -, without a slash at its end",
    )
    REDIS_URL = RedisUrl(
        "Redis or Valkey.", "", secret=True, unset="point it at a Redis or Valkey server, or use `make run`"
    )
    RQ_KEY_PREFIX = Text(
        "First part of every key.", "rq", r"[A-Za-z0-9_.:{}-]+", "write letters, digits and _ . : { } - alone"
    )
    DATA_DIR = Folder("Embedded server, local media, generated secrets.", Path(".data"))
    DURABILITY = Text(
        "When a task counts as accepted.",
        "everysec",
        "everysec|fsync|replicas:[1-9]",
        "write everysec, fsync or replicas:1 (to 9)",
    )
    STORAGE_URL = StorageUrl("Where media is kept.", "")
    API_KEYS = ApiKeys(
        "Who may ask.", (), secret=True, unset="give tenant:key pairs, as in API_KEYS=acme:a-long-random-key"
    )
    SECRET_KEY = SecretKey("Signs links and encrypts tenants' secrets.", "", secret=True)
    PUBLIC_URL = PublicUrl(
        "Where the gateway is reached from outside.",
        "",
        _PUBLIC_URL,
        "write it as https://tasks.example.com, without a query",
    )
    WEBHOOKS_ALLOW_PRIVATE = Switch("Whether webhooks and plugins may call private addresses.", default=False)
    TASK_TYPES = Text("More task types.")
    PLUGINS = Text("More plugins.")
    EMBED_MODEL = Text("A sentence-transformers model.")
    LEASE_SECONDS = Number("Silence after which a running task is taken back.", 5.0, 1, 3600)
    MAX_CRASHES = Whole("Deaths of its worker in a row that fail a task.", 3, 1, 1000)
    MAX_PENDING = Whole("Waiting tasks per tenant and type; 0: no bound.", 1_000_000, 0, 10**9)
    RETENTION_DAYS = Number("How long ended tasks can be read.", 30.0, 0, 3650)
    MAX_UPLOAD_BYTES = Whole("Largest upload.", 2 * 1024**3, 1, 10**15 - 1)
    WORKER_PROCESSES = Whole("Children per worker.", 2, 1, 256)
    DRAIN_SECONDS = Number("Time for running tasks to end after SIGTERM.", 18.0, 0, 3600)
    CHILD_MAX_TASKS = Whole("Tasks after which a child is replaced.", 100_000, 1, 10**9)
    CHILD_MAX_RSS_MIB = Whole("Memory after a task, in MiB, above which a child is replaced.", 4096, 64, 10**6)
    SEARCH_MEMORY_MIB = Whole("MiB of vectors that a search process keeps in memory.", 1024, 16, 10**6)
    DASHBOARD_HOST = Host("Where rq-dashboard listens.", "127.0.0.1", **_HOST)
    DASHBOARD_PORT = Whole("Its port; 0 takes a free one.", 0, 0, 65535)
    DASHBOARD_USER = Text("Who may enter it.", "", "[^:]*", "write a name without a colon")
    DASHBOARD_PASSWORD = Password("With which password.", shortest=8)
    LOG_FORMAT = OneOf("How processes log.", "text", ("text", "json"))
    LOG_TASKS = OneOf("Which transitions of tasks processes log.", "all", ("all", "trouble"))

    @validates_schema(skip_on_field_errors=False)
    def _dashboard(self, data: dict[str, Any], **_: Any) -> None:
        if not {"DASHBOARD_HOST", "DASHBOARD_USER", "DASHBOARD_PASSWORD"} <= data.keys():
            return  # one of them is wrong by itself, or not asked for
        user, password = data["DASHBOARD_USER"], data["DASHBOARD_PASSWORD"]
        if bool(user) != bool(password):
            missing = "DASHBOARD_PASSWORD" if user else "DASHBOARD_USER"
            raise ValidationError("set both DASHBOARD_USER and DASHBOARD_PASSWORD, or neither", missing)
        if not user and not is_loopback(data["DASHBOARD_HOST"]):
            lets_in = "lets others in, and they could delete tasks: set DASHBOARD_USER and DASHBOARD_PASSWORD too"
            raise ValidationError(lets_in, "DASHBOARD_HOST")


#: Every variable by name.
VARIABLES: dict[str, Setting] = {
    name: field for name, field in Variables().fields.items() if isinstance(field, Setting)
}


def default(name: str) -> Any:
    """The value of a variable that is not set."""
    return VARIABLES[name].default
