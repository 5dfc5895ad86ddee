"""What a call may raise: a class for each problem that the API tells apart, under one for all of them."""

from collections.abc import Mapping
from typing import Any, ClassVar


class MindiaError(Exception):
    """Whatever this client raises."""


class NoAnswer(MindiaError):
    """Nobody answered, or what answered is no Mindia Tasks gateway. The request may have been carried out."""


class WaitTimeout(MindiaError, TimeoutError):
    """The task has not ended in the time given; it goes on."""


class TaskFailed(MindiaError):
    """A task ended otherwise than completed; ``task`` is as ``Client.get`` answers it."""

    def __init__(self, task: Mapping[str, Any]) -> None:
        super().__init__(f"{task['type']} {task['id']} {task['status']}: {task['error'] or 'no error was told'}")
        self.task = task


class Problem(MindiaError):
    """The gateway refused (RFC 9457). Subclasses stand for its ``code``; one that is newer than they is this class."""

    #: The document's ``code`` that a subclass stands for.
    CODE: ClassVar[str] = ""
    _classes: ClassVar[dict[str, type["Problem"]]] = {}

    def __init_subclass__(cls) -> None:
        if cls.CODE:
            Problem._classes[cls.CODE] = cls

    def __init__(self, document: Mapping[str, Any]) -> None:
        super().__init__(document.get("detail") or document.get("title") or "The gateway refused.")
        #: All members of the document.
        self.document = dict(document)
        self.status: int = document["status"]
        self.code: str = document["code"]
        #: ``{"pointer", "detail"}`` of what is wrong with the request; the first 20.
        self.errors: list[dict[str, str]] = list(document.get("errors", []))
        #: Seconds to wait before another try makes sense, where the gateway says so.
        self.retry_after: float | None = document.get("retry_after")

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> "Problem":
        """The problem in its own class."""
        return cls._classes.get(document["code"], Problem)(document)


class Unauthorized(Problem):
    """No key, or one that is not valid."""

    CODE = "unauthorized"


class Forbidden(Problem):
    """The key lacks a scope: ``document["required_scope"]``."""

    CODE = "forbidden"


class NotFound(Problem):
    """There is no such thing, or it is another tenant's."""

    CODE = "not_found"


class InvalidCaptions(Problem):
    """The captions cannot be read; ``document["line"]`` says where."""

    CODE = "invalid_captions"


class NotTranscoded(Problem):
    """The video was never transcoded, so it cannot be again."""

    CODE = "not_transcoded"


class NothingToShow(Problem):
    """The video has no picture yet."""

    CODE = "nothing_to_show"


class NotCompleted(Problem):
    """The video has no finished rendition yet."""

    CODE = "not_completed"


class TooManyCaptions(Problem):
    """The video has as many captions as one may have."""

    CODE = "too_many_captions"


class InvalidContent(Problem):
    """``errors`` says what is wrong, and where."""

    CODE = "invalid_content"


class NotWaiting(Problem):
    """Only a task that waits can be changed: ``document["current_status"]``."""

    CODE = "not_waiting"


class NotCancellable(Problem):
    """The task has ended, or runs: ``document["current_status"]``."""

    CODE = "not_cancellable"


class NotFailed(Problem):
    """Only failed tasks can be retried."""

    CODE = "not_failed"


class NotEnded(Problem):
    """Only tasks that have ended can be deleted."""

    CODE = "not_ended"


class UniqueKeyTaken(Problem):
    """Another unfinished task has the task's ``unique_key``; ``holder`` names it."""

    CODE = "unique_key_taken"


class RetriesExhausted(Problem):
    """All retries are used; ``force=True`` grants one more."""

    CODE = "retries_exhausted"


class DeadlineImpossible(Problem):
    """The task could not start in time: ``document["earliest_start"]``, of a batch what ``errors`` say."""

    CODE = "deadline_impossible"


class Deleted(Problem):
    """The file was deleted while it was uploaded."""

    CODE = "deleted"


class SourceRemoved(Problem):
    """The uploaded file was removed after its transcoding: nothing more can be made of it."""

    CODE = "source_removed"


class KeyInUse(Problem):
    """The first request with this Idempotency-Key still runs; it is waited for before this is raised."""

    CODE = "idempotency_key_in_use"


class KeyReused(Problem):
    """The Idempotency-Key was used with another request."""

    CODE = "idempotency_key_reused"


class NotIndexed(Problem):
    """The file cannot be searched by, as it is not embedded; its ``index`` tells more."""

    CODE = "not_indexed"


class NoThumbnail(Problem):
    """The image cannot be drawn small, for the reason that its message has."""

    CODE = "no_thumbnail"


class TooLarge(Problem):
    """More bytes than the gateway takes: ``document["max_bytes"]``, where it says so."""

    CODE = "too_large"


class TooManyUploads(Problem):
    """As many uploads of the tenant's are incomplete as may be."""

    CODE = "too_many_uploads"


class OffsetMismatch(Problem):
    """The upload goes on at another byte: ``document["upload_offset"]``."""

    CODE = "offset_mismatch"


class UploadLocked(Problem):
    """Another request writes to the upload right now."""

    CODE = "upload_locked"


class ChecksumMismatch(Problem):
    """The bytes were changed on their way, and were not kept; send them again."""

    CODE = "checksum_mismatch"


class UnsupportedProtocol(Problem):
    """The version of the tus protocol is not the one that is spoken there, 1.0.0."""

    CODE = "unsupported_protocol"


class UnsupportedMedia(Problem):
    """This kind of file or body is not taken."""

    CODE = "unsupported_media_type"


class QueueFull(Problem):
    """Too many tasks of the type wait."""

    CODE = "queue_full"


class QuotaExceeded(Problem):
    """``document["quota"]`` of the tenant is used up: ``document["used"]`` of ``document["limit"]``."""

    CODE = "quota_exceeded"


class TooManyOperations(Problem):
    """The tenant has as many operations running as it may have."""

    CODE = "too_many_operations"


class Unavailable(Problem):
    """The service cannot do this right now."""

    CODE = "unavailable"


class Crowded(Problem):
    """Too many wait or listen there already."""

    CODE = "crowded"


class StorageFull(Problem):
    """There is no room for more media right now."""

    CODE = "storage_full"


class NotConfirmed(Problem):
    """Accepted as ``document["task_ids"]``, and not known to be kept as the operator demands."""

    CODE = "not_confirmed"


class InvalidJson(Problem):
    """The body is no JSON."""

    CODE = "invalid_json"


class InvalidMultipart(Problem):
    """The body is no multipart form that can be read."""

    CODE = "invalid_multipart"


class PluginNotConfigured(Problem):
    """The plugin lacks settings of the tenant's."""

    CODE = "plugin_not_configured"


class TooManyWebhooks(Problem):
    """The tenant has as many webhooks as it may have."""

    CODE = "too_many_webhooks"


class WebhookDisabled(Problem):
    """Nothing is sent to a webhook that is disabled."""

    CODE = "webhook_disabled"


class TooManyKeys(Problem):
    """The tenant has as many keys as it may have."""

    CODE = "too_many_keys"


class SecretKeyMissing(Problem):
    """The operator has set no SECRET_KEY, so no secret can be kept."""

    CODE = "secret_key_missing"


class Undecryptable(Problem):
    """What was encrypted under another SECRET_KEY has to be set again."""

    CODE = "undecryptable"


class LinkExpired(Problem):
    """A signed link that is too old; read the task or the file again for a new one."""

    CODE = "link_expired"
