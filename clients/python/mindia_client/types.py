"""Shapes of what the API takes and answers. Made by ``python -m mindia_client.generate``: do not edit."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Generic, Literal, NotRequired, TypedDict, TypeVar, Unpack

from mindia_client.new_task import NewTask as _NewTask

R = TypeVar("R")


class Accuracy(TypedDict):
    starts: int
    coverage: float
    median_error: float


class ApiKey(TypedDict):
    id: str
    name: str
    tenant: str
    scopes: list[Literal["read", "write", "admin"]]
    created_at: str
    created_by: str
    expires_at: str | None
    expired: bool
    last_used_at: str | None
    rotated_at: str | None
    former_until: str | None


class ApiKeyPage(TypedDict):
    keys: list[ApiKey]
    total: int
    limit: int
    offset: int


class Attempt(TypedDict):
    started_at: NotRequired[str | None]
    ended_at: NotRequired[str | None]
    outcome: NotRequired[str]
    error: NotRequired[str | None]
    worker: NotRequired[str | None]


class Audio(TypedDict):
    id: str
    filename: str
    content_type: str | None
    size: int | None
    created_at: str
    expires_at: str | None
    task_id: str | None
    flow: str | None
    status: Literal["pending", "scheduled", "processing", "completed", "failed", "cancelled"]
    progress: Progress | None
    error: str | None
    source_url: str
    tags: list[str]
    index: Index
    plugins: dict[str, PluginNote]
    duration_seconds: float | None
    title: str | None
    artist: str | None
    album: str | None
    genre: str | None


class AudioPage(TypedDict):
    audios: list[Audio]
    total: int
    limit: int
    offset: int


class AudioTrack(TypedDict):
    name: str
    language: str
    playlist: str


class AuditEntry(TypedDict):
    id: str
    at: str
    actor: str
    tenant: str | None
    request_id: str | None
    action: Literal["queue.configured", "worker.drained", "key.created", "key.rotated", "key.revoked", "webhook.created", "webhook.changed", "webhook.secret_rotated", "webhook.deleted", "plugin_config.replaced", "plugin_config.deleted", "doctor.repaired", "tenant.changed", "hold.created", "hold.deleted", "media.deleted", "task.deleted", "operation.created", "operation.completed", "operation.cancelled", "failure.changed"]
    subject: str
    before: dict[str, Any] | None
    after: dict[str, Any] | None


class AuditPage(TypedDict):
    entries: list[AuditEntry]
    next_cursor: str | None


class AutoscaleAnswer(TypedDict):
    objective_seconds: float
    workers: list[WorkersWanted]


class Bill(TypedDict):
    since: str
    seconds: float
    scheduled: float
    depends_on: float
    held: float
    paused: float
    no_worker: float
    tenant_limit: float
    group_limit: float
    concurrency: float
    rate_limit: float
    share: float
    workers_busy: float
    hand_over: float
    unknown: float


class Caption(TypedDict):
    id: str
    language: str
    label: str
    source: str
    cues: int
    created_at: str | None
    url: str


class CaptionList(TypedDict):
    captions: list[Caption]


class CaptionUpload(TypedDict):
    file: str
    language: str
    label: NotRequired[str]


class ChangeTask(TypedDict):
    priority: NotRequired[int]
    background: NotRequired[bool]
    scheduled_at: NotRequired[str]
    delay_seconds: NotRequired[float]
    tags: NotRequired[list[str]]


class ChangeWebhook(TypedDict):
    url: NotRequired[str]
    events: NotRequired[list[Literal["task.processing", "task.completed", "task.failed", "task.cancelled", "video.playable", "flow.completed", "flow.failed"]]]
    description: NotRequired[str]
    enabled: NotRequired[bool]


class Changed(TypedDict):
    id: str
    status: Literal["pending", "scheduled", "processing", "completed", "failed", "cancelled"]
    message: str


class CreateKey(TypedDict):
    name: str
    scopes: list[Literal["read", "write", "admin"]]
    tenant: NotRequired[str]
    expires_at: NotRequired[str]


class CreateTask(TypedDict):
    type: Literal["EmbeddingGeneration", "PluginExecution", "VideoTranscoding"]
    payload: EmbeddingPayload | PluginPayload | VideoTranscodingPayload
    priority: NotRequired[int]
    background: NotRequired[bool]
    scheduled_at: NotRequired[str]
    delay_seconds: NotRequired[float]
    deadline: NotRequired[str]
    max_retries: NotRequired[int]
    timeout_seconds: NotRequired[int]
    group: NotRequired[str]
    tags: NotRequired[list[str]]
    unique_key: NotRequired[str]
    depends_on: NotRequired[list[str]]
    on_failure: NotRequired[Literal["cancel", "run"]]
    flow: NotRequired[str]


class CreateTasks(TypedDict):
    tasks: list[CreateTask]


class CreateWebhook(TypedDict):
    url: str
    events: list[Literal["task.processing", "task.completed", "task.failed", "task.cancelled", "video.playable", "flow.completed", "flow.failed"]]
    description: NotRequired[str]
    enabled: NotRequired[bool]


class CreatedKey(TypedDict):
    id: str
    name: str
    tenant: str
    scopes: list[Literal["read", "write", "admin"]]
    created_at: str
    created_by: str
    expires_at: str | None
    expired: bool
    last_used_at: str | None
    rotated_at: str | None
    former_until: str | None
    key: str


class CreatedWebhook(TypedDict):
    id: str
    url: str
    events: list[Literal["task.processing", "task.completed", "task.failed", "task.cancelled", "video.playable", "flow.completed", "flow.failed"]]
    description: str
    enabled: bool
    disabled_reason: str | None
    failing_since: str | None
    created_at: str
    secret: str


class Defect(TypedDict):
    pointer: str
    detail: str


class Delivery(TypedDict):
    event_id: str
    type: str
    task_id: str | None
    flow: str | None
    attempt: int
    at: str
    status_code: int | None
    error: str | None
    duration_seconds: float | None
    next_attempt_at: str | None


class DeliveryPage(TypedDict):
    deliveries: list[Delivery]
    total: int
    limit: int
    offset: int


class Document(TypedDict):
    id: str
    filename: str
    content_type: str | None
    size: int | None
    created_at: str
    expires_at: str | None
    task_id: str | None
    flow: str | None
    status: Literal["pending", "scheduled", "processing", "completed", "failed", "cancelled"]
    progress: Progress | None
    error: str | None
    source_url: str
    tags: list[str]
    index: Index
    plugins: dict[str, PluginNote]
    view_url: str | None


class DocumentPage(TypedDict):
    documents: list[Document]
    total: int
    limit: int
    offset: int


class Drained(TypedDict):
    p10: float
    p50: float
    p90: float


class Duplicate(TypedDict):
    entity_id: str
    filename: str


class EmbeddingPayload(TypedDict):
    entity_type: Literal["image", "video", "audio", "document"]
    entity_id: str
    speech_only: NotRequired[bool]
    generation: NotRequired[str]


class EmbeddingResult(TypedDict):
    model: NotRequired[str]
    dimensions: NotRequired[int]
    vectors: NotRequired[int]
    passages_left_out: NotRequired[int]
    cut_off: NotRequired[bool]
    ocr_pages: NotRequired[int]
    ocr_pages_left_out: NotRequired[int]


class Ended(TypedDict):
    completed: int
    failed: int
    cancelled: int


class Estimate(TypedDict):
    start: Span
    finish: Span
    basis: Literal["measured", "declared"]
    made_at: str


class Execute(TypedDict):
    media_id: str
    deadline: NotRequired[str]


class Failure(TypedDict):
    id: str
    type: Literal["EmbeddingGeneration", "PluginExecution", "VideoTranscoding"]
    cause: str
    message: str
    state: Literal["open", "resolved", "ignored"]
    count: int
    first_at: str
    last_at: str
    task_ids: list[str]
    regressed_at: str | None
    regressions: int


class FailurePage(TypedDict):
    failures: list[Failure]
    total: int
    limit: int
    offset: int


class Flow(TypedDict):
    id: str
    status: Literal["open", "completed", "failed"]
    total: int
    by_status: dict[str, int]
    created_at: str
    ended_at: str | None


class FlowEvent(TypedDict):
    type: Literal["flow.completed", "flow.failed"]
    timestamp: str
    data: Flow


class Generation(TypedDict):
    name: str
    files: int
    state: Literal["active", "next", "kept"]
    kept_since: str | None


class Health(TypedDict):
    status: Literal["ok"]


class Help(TypedDict):
    change: str
    saves_seconds: float | None


class HistoryRow(TypedDict):
    begin: str
    started: int
    ended: Ended
    wait: Quantiles | None
    run: Quantiles | None


class Hit(TypedDict):
    entity_type: str
    entity_id: str
    filename: str
    similarity: float
    relevance: float | None
    picture_url: str | None
    thumbnail_url: str | None
    matched: str | None
    places: list[Place]
    duplicates: list[Duplicate]


class Hold(TypedDict):
    id: str
    reason: str
    created_at: str
    held: int
    settled: bool
    type: str | None
    tenant: str | None
    group: str | None
    tag: str | None
    media_id: str | None


class HoldList(TypedDict):
    holds: list[Hold]


class HowAgain(TypedDict):
    options: dict[str, Any]
    background: bool
    tags: list[str]


class Image(TypedDict):
    id: str
    filename: str
    content_type: str | None
    size: int | None
    created_at: str
    expires_at: str | None
    task_id: str | None
    flow: str | None
    status: Literal["pending", "scheduled", "processing", "completed", "failed", "cancelled"]
    progress: Progress | None
    error: str | None
    source_url: str
    tags: list[str]
    index: Index
    plugins: dict[str, PluginNote]
    thumbnail_url: str | None


class ImagePage(TypedDict):
    images: list[Image]
    total: int
    limit: int
    offset: int


class Index(TypedDict):
    status: Literal["left_out", "waiting", "indexed", "failed"]
    task_id: str | None
    model: str | None
    vectors: int | None
    passages_left_out: int
    cut_off: bool
    ocr_pages: int
    ocr_pages_left_out: int
    error: str | None


class LinkedFile(TypedDict):
    name: str
    size: int
    url: str


class LogLine(TypedDict):
    id: str
    attempt: int
    at: str
    level: str
    logger: str
    message: str


class LogPage(TypedDict):
    lines: list[LogLine]
    next: str | None
    removed: int


class Loudness(TypedDict):
    integrated_lufs: float
    range_lu: float
    true_peak_dbtp: float | None


class Me(TypedDict):
    tenant: str
    tenant_id: str
    operator: bool
    key: str
    scopes: list[Literal["read", "write", "admin"]]
    dashboard_url: str | None
    expires_at: str | None


class MeasuredLoudness(TypedDict):
    integrated_lufs: float
    range_lu: float
    true_peak_dbtp: float | None


class MediaByUrl(TypedDict):
    url: str
    filename: NotRequired[str]
    expires_at: NotRequired[str]
    deadline: NotRequired[str]
    group: NotRequired[str]
    tags: NotRequired[list[str]]
    embed: NotRequired[bool]
    then: NotRequired[list[str]]


class MediaUpload(TypedDict):
    file: str
    expires_at: NotRequired[str]
    deadline: NotRequired[str]
    group: NotRequired[str]
    tags: NotRequired[str]
    embed: NotRequired[bool]
    then: NotRequired[str]


class NewHold(TypedDict):
    type: NotRequired[Literal["EmbeddingGeneration", "PluginExecution", "VideoTranscoding"]]
    tenant: NotRequired[str]
    group: NotRequired[str]
    tag: NotRequired[str]
    media_id: NotRequired[str]
    reason: str


class NewOperation(TypedDict):
    action: Literal["cancel", "retry", "delete", "reprocess"]
    filter: TaskSelection
    force: NotRequired[bool]
    dry_run: NotRequired[bool]
    options: NotRequired[dict[str, Any]]
    background: NotRequired[bool]
    tags: NotRequired[list[str]]


class NoBody(TypedDict):
    pass


class NotEmbedded(TypedDict):
    entity_id: str
    error: str


class Operation(TypedDict):
    id: str
    action: Literal["cancel", "retry", "delete", "reprocess"]
    filter: dict[str, Any]
    how: HowAgain | None
    force: bool
    dry_run: bool
    status: Literal["running", "completed", "cancelled"]
    created_at: str
    ended_at: str | None
    waits_for: Literal["queue_full", "quota_exceeded", None]
    candidates: int
    examined: int
    matched: int
    done: int
    skipped: int
    failed: int
    reasons: dict[str, int]


class OperationPage(TypedDict):
    operations: list[Operation]
    total: int
    limit: int
    offset: int


class Outlook(TypedDict):
    tasks: int
    drained: Drained | None
    wait: Waited | None


class PaginationMetadata(TypedDict):
    total: NotRequired[int]
    total_pages: NotRequired[int]
    first_page: NotRequired[int]
    last_page: NotRequired[int]
    page: NotRequired[int]
    previous_page: NotRequired[int]
    next_page: NotRequired[int]


class PictureSearch(TypedDict):
    type: NotRequired[Literal["video", "image", "audio", "document"]]
    limit: NotRequired[int]
    min_similarity: NotRequired[float]
    start_date: NotRequired[str]
    end_date: NotRequired[str]
    min_size: NotRequired[int]
    max_size: NotRequired[int]
    min_duration: NotRequired[float]
    max_duration: NotRequired[float]
    tag: NotRequired[str]
    filename: NotRequired[str]
    cursor: NotRequired[str]
    file: str


class Place(TypedDict):
    matched: Literal["label", "picture", "name", "passage", "speech", "text"]
    similarity: float
    text: str | None
    marks: list[list[int]]
    start: float | None
    end: float | None
    page: int | None
    page_url: str | None
    offset: int | None
    picture_url: str | None


class PluginConfigUpdate(TypedDict):
    config: dict[str, Any]


class PluginFile(TypedDict):
    name: str
    size: int


class PluginInfo(TypedDict):
    name: str
    description: str
    media_types: list[str]
    config_schema: dict[str, Any]
    enabled: bool
    runnable: bool
    installed_by: str | None
    settings: PluginSettings | None
    settings_error: str | None


class PluginList(TypedDict):
    plugins: list[PluginInfo]


class PluginNote(TypedDict):
    task_id: str
    data: dict[str, Any] | None
    files: list[LinkedFile]


class PluginPayload(TypedDict):
    plugin_name: str
    media_id: str
    tenant_id: NotRequired[str]


class PluginResult(TypedDict):
    plugin_name: str
    media_id: str
    data: dict[str, Any]
    files: list[PluginFile]


class PluginSettings(TypedDict):
    config: dict[str, Any]
    source: Literal["tenant", "operator", "none"]
    enabled: bool


class Problem(TypedDict):
    type: str
    title: str
    status: int
    detail: str
    instance: str
    code: str
    errors: NotRequired[list[Defect]]
    errors_omitted: NotRequired[int]
    line: NotRequired[int]
    max_bytes: NotRequired[int]
    upload_offset: NotRequired[int]
    current_status: NotRequired[str]
    earliest_start: NotRequired[str]
    required_scope: NotRequired[str]
    retry_count: NotRequired[int]
    max_retries: NotRequired[int]
    retry_after: NotRequired[float]
    quota: NotRequired[str]
    limit: NotRequired[int]
    used: NotRequired[int]
    task_ids: NotRequired[list[str]]


class Progress(TypedDict):
    percent: float
    stage: str


class Quantiles(TypedDict):
    p50: float
    p90: float


class Queue(TypedDict):
    type: Literal["EmbeddingGeneration", "PluginExecution", "VideoTranscoding"]
    depth: int
    scheduled: int
    processing: int
    oldest_age_seconds: float | None
    rate: float | None
    burst: int
    tokens: float | None
    concurrency: int | None
    paused: bool
    tenant_rate: float | None
    tenant_burst: int
    tenant_concurrency: int | None
    group_concurrency: int | None
    aging_seconds: int | None
    workers: int
    throughput: float


class QueueChange(TypedDict):
    rate: NotRequired[float | None]
    burst: NotRequired[int]
    concurrency: NotRequired[int | None]
    tenant_rate: NotRequired[float | None]
    tenant_burst: NotRequired[int]
    tenant_concurrency: NotRequired[int | None]
    group_concurrency: NotRequired[int | None]
    aging_seconds: NotRequired[int | None]
    paused: NotRequired[bool]


class QueueHistory(TypedDict):
    step_seconds: int
    types: list[TypeHistory]


class QueueList(TypedDict):
    queues: list[Queue]
    daemons: int
    forecasts: dict[str, Accuracy | None]
    warnings: list[str]


class QuotaStanding(TypedDict):
    name: Literal["requests_per_minute", "uploads_per_day", "stored_bytes", "waiting_tasks", "cpu_seconds_per_day", "cpu_seconds_per_month", "media_seconds_per_day", "media_seconds_per_month"]
    limit: int
    used: int


class Quote(TypedDict):
    type: str
    priority: int
    background: bool
    estimate: Estimate | None
    no_estimate: str | None
    work_seconds: Work
    media_seconds: float | None
    position: int


class Readiness(TypedDict):
    status: Literal["ok"]
    warnings: list[str]


class Rendition(TypedDict):
    name: str
    width: int
    height: int
    bandwidth: int
    codecs: str
    playlist: str
    encoder: str | None
    download_url: str


class Reprocess(TypedDict):
    options: NotRequired[dict[str, Any]]
    background: NotRequired[bool]


class ReprocessMany(TypedDict):
    options: NotRequired[dict[str, Any]]
    background: NotRequired[bool]
    filter: VideoSelection
    dry_run: NotRequired[bool]


class Reprocessed(TypedDict):
    dry_run: bool
    matched: int
    queued: int
    skipped: int
    reasons: dict[str, int]
    task_ids: list[str]
    next: str | None


class ResumableUpload(TypedDict):
    id: str
    kind: Literal["audio", "document", "image", "video"]
    filename: str
    size: int | None
    offset: int
    complete: bool
    created_at: str
    expires_at: str
    media_url: str | None


class ResumableUploadPage(TypedDict):
    uploads: list[ResumableUpload]
    total: int
    limit: int
    offset: int


class RotateKey(TypedDict):
    overlap_seconds: NotRequired[int]


class RotateSecret(TypedDict):
    overlap_seconds: NotRequired[int]


class RotatedKey(TypedDict):
    id: str
    key: str
    former_until: str


class RotatedSecret(TypedDict):
    secret: str
    former_until: str


class SearchResults(TypedDict):
    query: str | None
    like: str | None
    results: list[Hit]
    count: int
    total: int
    total_exact: bool
    next_cursor: str | None
    generation: str | None
    complete: bool
    missing: int


class SearchStatus(TypedDict):
    active: str | None
    next: str | None
    since: str | None
    switched_at: str | None
    total: int
    done: int
    missing: int
    failed: int
    tasks: int
    counted: bool
    estimate: float | None
    failures: list[NotEmbedded]
    generations: list[Generation]


class Sent(TypedDict):
    event_id: str


class ShownCaps(TypedDict):
    rate: Literal["type"] | float | None
    burst: Literal["type"] | int
    concurrency: Literal["type"] | int | None


class Simulation(TypedDict):
    limits: NotRequired[dict[str, QueueChange]]
    workers: NotRequired[list[WorkerCount]]
    weights: NotRequired[dict[str, float]]
    since: NotRequired[str]
    until: NotRequired[str]


class SimulationResult(TypedDict):
    basis: Literal["live", "recorded"]
    before: list[TypeOutlook]
    after: list[TypeOutlook]


class Sound(TypedDict):
    name: str
    language: str
    playlist: str


class Span(TypedDict):
    p10: str
    p50: str
    p90: str


class TaskDetail(TypedDict, Generic[R]):
    id: str
    type: Literal["EmbeddingGeneration", "PluginExecution", "VideoTranscoding"]
    status: Literal["pending", "scheduled", "processing", "completed", "failed", "cancelled"]
    priority: int
    background: bool
    payload: dict[str, Any]
    created_at: str
    scheduled_at: str | None
    deadline: str | None
    started_at: str | None
    completed_at: str | None
    error: str | None
    retry_count: int
    max_retries: int
    timeout_seconds: int
    progress: Progress | None
    result: R | None
    flow: str | None
    group: str | None
    tags: list[str]
    part_of: str | None
    depends_on: list[str]
    on_failure: Literal["cancel", "run", None]
    waiting_for: list[str]
    waiting: Waiting | None
    waited: Bill | None
    links: TaskLinks | None
    trace: Trace | None
    attempts: list[Attempt]
    usage: TaskUsage | None


class TaskInList(TypedDict, Generic[R]):
    id: str
    type: Literal["EmbeddingGeneration", "PluginExecution", "VideoTranscoding"]
    status: Literal["pending", "scheduled", "processing", "completed", "failed", "cancelled"]
    priority: int
    background: bool
    payload: dict[str, Any]
    created_at: str
    scheduled_at: str | None
    deadline: str | None
    started_at: str | None
    completed_at: str | None
    error: str | None
    retry_count: int
    max_retries: int
    timeout_seconds: int
    progress: Progress | None
    result: R | None
    flow: str | None
    group: str | None
    tags: list[str]
    part_of: str | None
    depends_on: list[str]
    on_failure: Literal["cancel", "run", None]
    waiting_for: list[str]
    waiting: Waiting | None
    waited: Bill | None
    links: TaskLinks | None
    trace: Trace | None


class TaskLinks(TypedDict):
    hls_url: NotRequired[str]
    poster_url: NotRequired[str]
    storyboard_url: NotRequired[str]
    files: NotRequired[list[LinkedFile]]
    media_url: NotRequired[str]


class TaskList(TypedDict):
    tasks: list[TaskDetail[Any]]


class TaskPage(TypedDict):
    tasks: list[TaskInList[Any]]
    total: int | None
    limit: int
    offset: int
    next_cursor: NotRequired[str | None]
    incomplete: NotRequired[bool]


class TaskSelection(TypedDict):
    status: NotRequired[Literal["pending", "scheduled", "processing", "completed", "failed", "cancelled"] | list[Literal["pending", "scheduled", "processing", "completed", "failed", "cancelled"]]]
    type: NotRequired[Literal["EmbeddingGeneration", "PluginExecution", "VideoTranscoding"] | list[Literal["EmbeddingGeneration", "PluginExecution", "VideoTranscoding"]]]
    ids: NotRequired[list[str] | str]
    flow: NotRequired[str]
    tag: NotRequired[str]
    group: NotRequired[str]
    media_id: NotRequired[str]
    error: NotRequired[str]
    unique_key: NotRequired[str]
    failure_id: NotRequired[str]
    start_date: NotRequired[str]
    end_date: NotRequired[str]
    uploaded_from: NotRequired[str]
    uploaded_to: NotRequired[str]


class TaskStats(TypedDict):
    total: int
    by_status: dict[str, int]
    by_type: dict[str, int]
    average_duration_seconds: float | None
    success_rate: float


class TaskUsage(TypedDict):
    cpu_seconds: float
    run_seconds: float
    media_seconds: float
    bytes_read: int
    bytes_written: int
    peak_memory_bytes: int


class TenantCaps(TypedDict):
    rate: NotRequired[Literal["type"] | float | None]
    burst: NotRequired[Literal["type"] | int]
    concurrency: NotRequired[Literal["type"] | int | None]


class TenantChange(TypedDict):
    weight: NotRequired[float]
    caps: NotRequired[dict[str, TenantCaps]]
    quotas: NotRequired[TenantQuotas]


class TenantQuotas(TypedDict):
    requests_per_minute: NotRequired[int | None]
    uploads_per_day: NotRequired[int | None]
    stored_bytes: NotRequired[int | None]
    waiting_tasks: NotRequired[int | None]
    cpu_seconds_per_day: NotRequired[int | None]
    cpu_seconds_per_month: NotRequired[int | None]
    media_seconds_per_day: NotRequired[int | None]
    media_seconds_per_month: NotRequired[int | None]


class TenantSettings(TypedDict):
    name: str
    weight: float
    caps: dict[str, ShownCaps]
    quotas: dict[str, int | None]


class Trace(TypedDict):
    request_id: str | None
    traceparent: str | None
    tracestate: str | None


class TypeHistory(TypedDict):
    type: str
    rows: list[HistoryRow]


class TypeOutlook(TypedDict):
    type: str
    total: Outlook
    tenants: dict[str, Outlook]


UsageAnswer = dict[str, Any]


class UsageRow(TypedDict):
    runs: int
    cpu_seconds: float
    run_seconds: float
    media_seconds: float
    bytes_read: int
    bytes_written: int
    peak_memory_bytes: int
    tenant: str | None
    day: str | None
    type: str | None


class Used(TypedDict):
    runs: int
    cpu_seconds: float
    run_seconds: float
    media_seconds: float
    bytes_read: int
    bytes_written: int
    peak_memory_bytes: int


class Variant(TypedDict):
    name: str
    width: int
    height: int
    bandwidth: int
    codecs: str
    playlist: str
    encoder: str


class Video(TypedDict):
    id: str
    filename: str
    content_type: str | None
    size: int | None
    created_at: str
    expires_at: str | None
    task_id: str | None
    flow: str | None
    status: Literal["pending", "scheduled", "processing", "completed", "failed", "cancelled"]
    progress: Progress | None
    error: str | None
    source_url: str
    tags: list[str]
    index: Index
    plugins: dict[str, PluginNote]
    keep_source: bool
    source_removed_at: str | None
    width: int | None
    height: int | None
    duration_seconds: float | None
    profile: str | None
    encoder: str | None
    variants: list[Rendition]
    audio_tracks: list[Sound]
    loudness: MeasuredLoudness | None
    playable: bool
    playable_seconds: float | None
    hls_url: str
    poster_url: str | None
    storyboard_url: str | None
    thumbnail_url: str | None
    captions: list[Caption]


class VideoByUrl(TypedDict):
    profile: NotRequired[str]
    codec: NotRequired[Literal["h264", "hevc", "av1"]]
    ladder: NotRequired[list[int]]
    quality: NotRequired[Literal["low", "standard", "high"]]
    normalize_audio: NotRequired[bool]
    passthrough: NotRequired[bool]
    url: str
    filename: NotRequired[str]
    expires_at: NotRequired[str]
    deadline: NotRequired[str]
    group: NotRequired[str]
    tags: NotRequired[list[str]]
    embed: NotRequired[bool]
    then: NotRequired[list[str]]
    keep_source: NotRequired[bool]


class VideoPage(TypedDict):
    videos: list[Video]
    total: int
    limit: int
    offset: int


class VideoProfile(TypedDict):
    name: str
    default: bool
    codec: Literal["h264", "hevc", "av1"]
    ladder: list[int]
    quality: Literal["low", "standard", "high"]
    normalize_audio: bool


class VideoProfileList(TypedDict):
    profiles: list[VideoProfile]


class VideoSelection(TypedDict):
    ids: NotRequired[list[str] | str]
    uploaded_from: NotRequired[str]
    uploaded_to: NotRequired[str]


class VideoTranscodingPayload(TypedDict):
    profile: NotRequired[str]
    codec: NotRequired[Literal["h264", "hevc", "av1"]]
    ladder: NotRequired[list[int]]
    quality: NotRequired[Literal["low", "standard", "high"]]
    normalize_audio: NotRequired[bool]
    passthrough: NotRequired[bool]
    video_id: str


class VideoTranscodingResult(TypedDict):
    video_id: str
    width: int
    height: int
    duration_seconds: float
    frame_rate: float
    profile: str
    encoder: str
    variants: list[Variant]
    audio_tracks: list[AudioTrack]
    loudness: Loudness | None
    hls_master: str
    poster: str
    storyboard: str
    warnings: list[str]


class VideoUpload(TypedDict):
    file: str
    expires_at: NotRequired[str]
    deadline: NotRequired[str]
    group: NotRequired[str]
    tags: NotRequired[str]
    embed: NotRequired[bool]
    then: NotRequired[str]
    profile: NotRequired[str]
    codec: NotRequired[Literal["h264", "hevc", "av1"]]
    quality: NotRequired[Literal["low", "standard", "high"]]
    ladder: NotRequired[str]
    normalize_audio: NotRequired[bool]
    passthrough: NotRequired[bool]
    keep_source: NotRequired[bool]


class Waited(TypedDict):
    p50: float
    p90: float


class Waiting(TypedDict):
    reason: Literal["scheduled", "depends_on", "held", "paused", "no_worker", "tenant_limit", "group_limit", "concurrency", "rate_limit", "share", "workers_busy"]
    detail: str
    until: str | None
    position: int | None
    ahead: int | None
    estimate: Estimate | None
    no_estimate: str | None
    would_help: list[Help]


class Webhook(TypedDict):
    id: str
    url: str
    events: list[Literal["task.processing", "task.completed", "task.failed", "task.cancelled", "video.playable", "flow.completed", "flow.failed"]]
    description: str
    enabled: bool
    disabled_reason: str | None
    failing_since: str | None
    created_at: str


class WebhookEvent(TypedDict):
    type: Literal["task.processing", "task.completed", "task.failed", "task.cancelled", "video.playable"]
    timestamp: str
    data: TaskDetail[Any]


class WebhookList(TypedDict):
    webhooks: list[Webhook]


class Work(TypedDict):
    p10: float
    p50: float
    p90: float


class Worker(TypedDict):
    name: str
    hostname: str
    pid: int
    state: Literal["busy", "idle"]
    draining: bool
    types: list[str]
    task_id: str | None
    task_type: str | None
    running_since: str | None
    started_at: str
    last_heartbeat: str
    completed: int
    failed: int


class WorkerCount(TypedDict):
    types: list[Literal["EmbeddingGeneration", "PluginExecution", "VideoTranscoding"]]
    processes: int


class WorkerList(TypedDict):
    workers: list[Worker]


class WorkersWanted(TypedDict):
    types: list[str]
    processes: int
    wanted: int
    reason: Literal["idle", "paused", "steady", "backlog", "tokens", "concurrency", "hold"]


class Options(TypedDict, total=False):
    """What a task may be given beside type and payload; the API's document says what each means."""

    priority: int
    background: bool
    scheduled_at: str
    delay_seconds: float
    deadline: str
    max_retries: int
    timeout_seconds: int
    group: str
    tags: Sequence[str]
    unique_key: str
    depends_on: Sequence[str]
    on_failure: Literal["cancel", "run"]
    flow: str


def embedding_generation(**payload: Unpack[EmbeddingPayload]) -> _NewTask[EmbeddingResult]:
    return _NewTask("EmbeddingGeneration", payload)


def plugin_execution(**payload: Unpack[PluginPayload]) -> _NewTask[PluginResult]:
    return _NewTask("PluginExecution", payload)


def video_transcoding(**payload: Unpack[VideoTranscodingPayload]) -> _NewTask[VideoTranscodingResult]:
    return _NewTask("VideoTranscoding", payload)
