"""Every error that this system raises on purpose, each describing itself.

An error carries what its audience needs: a stable ``code`` for programs, an HTTP ``status`` for the gateway,
``retryable`` for the worker, and one line a person can act on. One handler in the gateway and one place in the
worker read these; nobody else maps errors.
"""

from collections.abc import Iterable
from typing import Any

from broker.defects import Defect, first

#: Seconds: whoever waits longer looks again in between.
LONGEST_POSTPONEMENT = 7 * 24 * 3600.0


class TaskBrokerError(Exception):
    """Something went wrong."""

    code = "internal_error"
    status = 500
    #: May the same task or request succeed when it is tried again unchanged?
    retryable = False
    #: Whether the log has it already, as it has a state that is asked for every few seconds.
    logged = False

    def __init__(self, message: str = "", **extra: Any) -> None:
        """``message`` defaults to the class docstring; ``extra`` members are shown to the caller as they are."""
        self.message = message or (self.__doc__ or "").splitlines()[0]
        self.extra = extra
        super().__init__(self.message)


class Unauthorized(TaskBrokerError):
    """Send the header "Authorization: Bearer <key>" with a valid API key."""

    code, status = "unauthorized", 401


class InvalidKey(Unauthorized):
    """This API key is not valid: unknown, revoked, replaced or expired."""


class Forbidden(TaskBrokerError):
    """This key may not do that."""

    code, status = "forbidden", 403


class NotFound(TaskBrokerError):
    """There is no such thing here."""

    code, status = "not_found", 404


class NotCancellable(TaskBrokerError):
    """Only pending and scheduled tasks can be cancelled."""

    code, status = "not_cancellable", 409


class NotFailed(TaskBrokerError):
    """Only failed tasks can be retried."""

    code, status = "not_failed", 409


class NotEnded(TaskBrokerError):
    """Only tasks that have ended can be deleted; cancel it first."""

    code, status = "not_ended", 409


class DeadlineImpossible(TaskBrokerError):
    """A task with this deadline could not start in time."""

    code, status = "deadline_impossible", 409


class Deleted(TaskBrokerError):
    """This file was deleted while it was uploaded; upload it again, under a new Idempotency-Key."""

    code, status = "deleted", 410


class SourceRemoved(TaskBrokerError):
    """The uploaded file was removed after its transcoding (keep_source=false): nothing more can be made of it."""

    code, status = "source_removed", 409


class SourceGone(SourceRemoved):
    """The uploaded file was removed after its transcoding (keep_source=false); what was made of it is there."""

    status = 410


class RetriesExhausted(TaskBrokerError):
    """This task has used all its retries; add ?force=true to grant one more."""

    code, status = "retries_exhausted", 409


class UniqueKeyTaken(TaskBrokerError):
    """Another unfinished task has the unique_key of this one; ``holder`` is its id."""

    code, status = "unique_key_taken", 409


class IdempotencyConflict(TaskBrokerError):
    """The first request with this Idempotency-Key is still running; try again shortly."""

    code, status, retryable = "idempotency_key_in_use", 409, True


class IdempotencyMismatch(TaskBrokerError):
    """This Idempotency-Key was used with another request; use a new key."""

    code, status = "idempotency_key_reused", 422


class NotIndexed(TaskBrokerError):
    """This file cannot be searched by: it is not embedded (yet). Its view tells more, in `index`."""

    code, status = "not_indexed", 409


class TooLarge(TaskBrokerError):
    """The upload is too large."""

    code, status = "too_large", 413


class TooManyUploads(TaskBrokerError):
    """Too many uploads of this tenant are not complete; continue or delete some."""

    code, status = "too_many_uploads", 429


class OffsetMismatch(TaskBrokerError):
    """The upload goes on elsewhere; ``upload_offset`` is how many bytes of it are here."""

    code, status = "offset_mismatch", 409


class UploadLocked(TaskBrokerError):
    """Another request writes to this upload right now; try again in a moment.

    ``retry_after`` is in seconds.
    """

    code, status, retryable = "upload_locked", 423, True


class ChecksumMismatch(TaskBrokerError):
    """The bytes do not have this checksum: they were changed on their way, and were not kept; send them again."""

    code, status, retryable = "checksum_mismatch", 460, True


class UnsupportedProtocol(TaskBrokerError):
    """Send the header Tus-Resumable: 1.0.0, the version of the protocol that is spoken here."""

    code, status = "unsupported_protocol", 412


class UnsupportedMedia(TaskBrokerError):
    """This kind of file is not supported here."""

    code, status = "unsupported_media_type", 415


class InvalidInput(TaskBrokerError):
    """The request's content is not valid.

    Of ``errors`` the first are kept and the others counted, with the ``errors_omitted`` that were not handed over.
    """

    code, status = "invalid_content", 422

    def __init__(
        self, message: str = "", *, errors: Iterable[Defect] = (), errors_omitted: int = 0, **extra: Any
    ) -> None:
        listed, more = first(errors)
        super().__init__(message, **extra)
        if listed:
            self.extra["errors"] = listed
        if more or errors_omitted:
            self.extra["errors_omitted"] = more + errors_omitted


class QueueFull(TaskBrokerError):
    """Too many tasks of this type are waiting; try again later.

    ``retry_after`` is in seconds.
    """

    code, status, retryable = "queue_full", 429, True


class QuotaExceeded(TaskBrokerError):
    """Your quota is used up.

    ``quota``, ``limit`` and ``used`` say which; ``retry_after`` is in seconds, where time helps.
    """

    code, status, retryable = "quota_exceeded", 429, True


class StoredTooMuch(QuotaExceeded):
    """Your quota of stored bytes leaves no room for this file."""

    status = 507


class TooManyOperations(TaskBrokerError):
    """Too many operations of this tenant are running; wait for one, or cancel one.

    ``retry_after`` is in seconds.
    """

    code, status, retryable = "too_many_operations", 429, True


class NotWaiting(TaskBrokerError):
    """Only a task that waits (pending, scheduled) can be changed."""

    code, status = "not_waiting", 409


class Unavailable(TaskBrokerError):
    """The service cannot do this right now; try again later.

    ``retry_after`` is in seconds.
    """

    code, status, retryable = "unavailable", 503, True


class StorageFull(Unavailable):
    """There is no room for more media right now; try again later.

    ``retry_after`` is in seconds.
    """

    code, status = "storage_full", 507


class CannotKeep(Unavailable):
    """A setting asks for what this server never can do; nothing was accepted."""


class NotConfirmed(Unavailable):
    """Accepted under the ids in task_ids, but not yet confirmed as kept: look there before you repeat the request.

    ``task_ids`` lists them. A repetition with the same Idempotency-Key or unique_key finds them and confirms them.
    """

    code = "not_confirmed"


class Crowded(TaskBrokerError):
    """Too many wait or listen here already; try again later.

    No outage: whoever does not wait is served. ``retry_after`` is in seconds.
    """

    code, status, retryable = "crowded", 503, True


class PermanentError(TaskBrokerError):
    """The task cannot succeed, however often it is tried."""

    code = "task_failed"


class TransientError(TaskBrokerError):
    """The task failed for a reason that may pass.

    ``retry_after``, in seconds, is how long the next try waits at least.
    """

    code, retryable = "task_failed", True


class RateLimited(TransientError):
    """A service asks not to be called for a while.

    Raised by a plugin with ``retry_after`` in seconds, it holds all tasks of this plugin and account until then.
    """


class Postpone(BaseException):
    """A handler waits for somebody else: run the task again later. No failure: no retry is spent, no worker is held.

    Nor does the next run take a token of the type's rate, up to 60 times for each that was taken. Not an ``Exception``,
    so that a broad ``except`` cannot swallow it. First ``remember`` what the next run must know.

    ``background`` gives way: whatever its priority was, the task goes on when nothing else waits. With 0 seconds it
    waits in the background at once, and its next run takes a token like any other.
    """

    def __init__(self, seconds: float, *, background: bool = False) -> None:
        """``seconds`` until the next run, within 0 and a week."""
        self.seconds, self.background = min(max(0.0, seconds), LONGEST_POSTPONEMENT), background
        super().__init__(f"again in {self.seconds:g} s" + " in the background" * background)


class TaskTimeout(BaseException):
    """A handler's time is up. Not an ``Exception``, so that a broad ``except`` cannot swallow it."""


def wait_asked(error: BaseException | None) -> float:
    """Seconds that an error's ``retry_after`` asks for, within 0 and a week; 0 for what is no such number."""
    asked = error.extra.get("retry_after") if isinstance(error, TaskBrokerError) else None
    try:
        seconds = float(asked or 0)
    except (TypeError, ValueError, OverflowError):  # handlers may have written anything
        return 0.0
    return min(seconds, LONGEST_POSTPONEMENT) if seconds > 0 else 0.0
