"""Every environment variable of every process: its converter, default and bounds, and one line of what it is.

Those of task types and plugins come from their declarations: ``TaskType.variables``, ``Plugin.config_schema``.
"""

from pathlib import Path
from typing import Any

from marshmallow import EXCLUDE, Schema, ValidationError, validates_schema

from broker.environment.addresses import Host, PublicUrl, RedisUrl, is_loopback
from broker.environment.converters import CheckedBy, Folder, Number, OneOf, Setting, Switch, Text, Whole
from broker.environment.credentials import TENANT_NAME, ApiKeys, Password, SecretKey
from broker.environment.video_profiles import BUILT_IN, DEFAULT, NAME, VideoProfiles

_HOST = {"pattern": r"[\w.:%-]+|\[[\w.:%]+\]", "write": "write a name or an address, without a port"}
#: No client asks below ``/.`` or ``/..``: they mean other places.
_SCRIPT_NAME = r"(/(?!\.\.?(/|$))[A-Za-z0-9._~-]+)*"
_ORIGIN = r"https?://[\w.:\[\]-]+"
_KIND = "(video|image|audio|document)"
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
        r"everysec|(fsync\+)?replicas:[1-9]|fsync",
        "write everysec, fsync, replicas:1 (to 9) or fsync+replicas:1",
    )
    STORAGE_URL = CheckedBy("Where media is kept.", "", "broker.media.open_storage:check_url")
    API_KEYS = ApiKeys(
        "Who may ask.", (), secret=True, unset="give tenant:key pairs, as in API_KEYS=acme:a-long-random-key"
    )
    SECRET_KEY = SecretKey("Signs links and encrypts tenants' secrets.", "", secret=True)
    METRICS_TOKEN = Password("Lets a monitoring system read /metrics.", shortest=16)
    PUBLIC_URL = PublicUrl(
        "Where the gateway is reached from outside.",
        "",
        _PUBLIC_URL,
        "write it as https://tasks.example.com, without a query",
    )
    DASHBOARD_URL = PublicUrl(
        "Where people reach rq-dashboard.",
        "",
        _PUBLIC_URL,
        "write it as https://dashboard.example.com, without a query",
    )
    WEBHOOKS_ALLOW_PRIVATE = Switch("Whether webhooks and plugins may call private addresses.", default=False)
    TASK_TYPES = Text("More task types.")
    PLUGINS = Text("More plugins.")
    ADOPT_RQ_QUEUES = Text("Queues of an RQ system that may be taken over.")
    ADOPT_RQ_URL = RedisUrl("The Redis of that system; unset: ours.", "", secret=True)
    ADOPT_RQ_PREFIX = Text("Its RQ_KEY_PREFIX.", "rq", r"[A-Za-z0-9_.:{}-]+", "write letters, digits and _ . : { } -")
    ADOPT_RQ_FUNCTIONS = Text("What its jobs may call and pass, by full names; package.* for all below a package.")
    ADOPT_RQ_TENANT = Text(
        "Whose its tasks are.", "rq", TENANT_NAME.pattern, "write letters, digits, dots, dashes and underscores"
    )
    EMBED_MODEL = Text("A sentence-transformers model.")
    EMBED_OCR = Switch("Whether what is written in pictures and videos is found, too.", default=False)
    TORCH = OneOf("What embeds; unset: torch where it is installed.", "", ("none", "cpu", "cuda"))
    LEASE_SECONDS = Number("Silence after which a running task is taken back.", 5.0, 1, 3600)
    MAX_CRASHES = Whole("Deaths of its worker in a row that fail a task.", 3, 1, 1000)
    MAX_PENDING = Whole("Waiting tasks per tenant and type; 0: no bound.", 1_000_000, 0, 10**9)
    QUOTA_STORED_BYTES = Whole("Bytes of uploads that a tenant may keep; 0: no quota.", 0, 0, 10**15)
    QUOTA_UPLOADS_PER_DAY = Whole("Uploads of a tenant in a day; 0: no quota.", 0, 0, 10**15)
    QUOTA_REQUESTS_PER_MINUTE = Whole("Requests of a tenant in a minute; 0: no quota.", 0, 0, 10**15)
    QUOTA_WAITING_TASKS = Whole("Waiting tasks of a tenant, of all types; 0: no quota.", 0, 0, 10**15)
    QUOTA_CPU_SECONDS_PER_DAY = Whole("Processor seconds of a tenant's runs in a day; 0: no quota.", 0, 0, 10**15)
    QUOTA_CPU_SECONDS_PER_MONTH = Whole("Processor seconds of a tenant's runs in a month; 0: no quota.", 0, 0, 10**15)
    QUOTA_MEDIA_SECONDS_PER_DAY = Whole("Media seconds of a tenant's runs in a day; 0: no quota.", 0, 0, 10**15)
    QUOTA_MEDIA_SECONDS_PER_MONTH = Whole("Media seconds of a tenant's runs in a month; 0: no quota.", 0, 0, 10**15)
    RETENTION_DAYS = Number("How long ended tasks can be read.", 30.0, 0, 3650)
    MEDIA_RETENTION_DAYS = Number("How long uploaded files are kept.", None, 0.01, 36500)
    REPROCESS_KEEP_DAYS = Number(
        "How long a video's former renditions stay once it was transcoded again.", 7.0, 0, 3650
    )
    VIDEO_PARALLEL = Whole("Tasks that may make one long video together; 1: its own alone.", 1, 1, 64)
    MAX_UPLOAD_BYTES = Whole("Largest upload.", 2 * 1024**3, 1, 10**15 - 1)
    EMBED_UPLOADS = Text(
        "Kinds of uploads that are made searchable, unless their form says otherwise.",
        "video,image,audio,document",
        rf"none|{_KIND}(,{_KIND})*",
        "write some of video, image, audio and document, with commas between, or none",
    )
    VIDEO_PROFILES = VideoProfiles("More profiles of transcodings: JSON, or the path of a file of it.", None)
    VIDEO_PROFILE = Text("The profile of videos that name none.", DEFAULT, NAME, "write the name of a profile")
    VIDEO_HARDWARE = OneOf("Whether videos are encoded by hardware.", "never", ("never", "prefer", "require"))
    VIDEO_LOUDNESS = Number("LUFS to which sound is brought where that is asked for.", -16.0, -31, -9)
    UPLOAD_EXPIRES_HOURS = Number("Silence after which an unfinished resumable upload is removed.", 24.0, 0.01, 8760)
    STREAM_ALLOWED_ORIGINS = Text(
        "Origins whose pages may play streams; * for all.",
        "*",
        rf"\*|{_ORIGIN}(,{_ORIGIN})*",
        "write * or origins such as https://www.example.com, with commas between",
    )
    UPLOAD_ALLOWED_ORIGINS = Text(
        "Origins whose pages may upload in pieces; * for all.",
        "",
        rf"(\*|{_ORIGIN}(,{_ORIGIN})*)?",
        "write * or origins such as https://www.example.com, with commas between",
    )
    STREAM_PRESIGNED = Switch("Whether playlists name segments in S3 itself, by signed URLs.", default=False)
    WORKER_PROCESSES = Whole("Children per worker.", 2, 1, 256)
    DRAIN_SECONDS = Number("Time for running tasks to end after SIGTERM.", 18.0, 0, 3600)
    CHILD_MAX_TASKS = Whole("Tasks after which a child is replaced.", 100_000, 1, 10**9)
    CHILD_MAX_RSS_MIB = Whole("Memory after a task, in MiB, above which a child is replaced.", 4096, 64, 10**6)
    SEARCH_MEMORY_MIB = Whole("MiB of vectors that a search process keeps in memory.", 1024, 16, 10**6)
    SEARCH_HNSW_FROM = Whole("Vectors from which an index answers searches, nearly exactly; 0: never.", 0, 0, 10**9)
    SEARCH_INDEX_DIR = Folder("Where search processes keep their indexes over restarts.", None)
    SEARCH_KEEP_DAYS = Number("How long the vectors of a former model stay.", 7.0, 0, 3650)
    DASHBOARD_HOST = Host("Where rq-dashboard listens.", "127.0.0.1", **_HOST)
    DASHBOARD_PORT = Whole("Its port; 0 takes a free one.", 0, 0, 65535)
    DASHBOARD_USER = Text("Who may enter it.", "", "[^:]*", "write a name without a colon")
    DASHBOARD_PASSWORD = Password("With which password.", shortest=8)
    LOG_FORMAT = OneOf("How processes log.", "text", ("text", "json"))
    TASK_LOG_KIB = Whole("KiB of what handlers say that are kept of each task; 0: nothing.", 64, 0, 1024)
    LOG_TASKS = OneOf("Which transitions of tasks processes log.", "all", ("all", "trouble"))

    @validates_schema(skip_on_field_errors=False)
    def _profile(self, data: dict[str, Any], **_: Any) -> None:
        if not {"VIDEO_PROFILE", "VIDEO_PROFILES"} <= data.keys():
            return  # one of them is wrong by itself, or not asked for
        known = BUILT_IN | (data["VIDEO_PROFILES"] or {})
        if data["VIDEO_PROFILE"] not in known:
            raise ValidationError(f"there is no such profile; there are {', '.join(sorted(known))}", "VIDEO_PROFILE")

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
