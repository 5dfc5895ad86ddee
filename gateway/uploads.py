"""Uploads: a form's file becomes bytes in storage, a record and a task; what is refused leaves nothing of these.

A body is spooled to a temporary file as it arrives, because what it is, how large it is and whether it was sent before
must be known before anything is stored.
"""

import hashlib
import io
import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import IO, Any
from urllib.parse import unquote, urlsplit
from uuid import UUID, uuid5

from msgspec import structs
from werkzeug.datastructures import FileStorage

from broker.clock import to_rfc3339
from broker.errors import Deleted, InvalidInput, NotFound, TaskBrokerError, TooLarge, Unavailable
from broker.media import paths
from broker.media.fetching import Origin
from broker.media.records import MediaRecord
from broker.media.sniff import ARTICLE, HEAD_BYTES, type_of
from broker.outbound.guard import TargetRefused, check_url
from broker.task import NewTask, Task
from broker.tasks.submission import Submission
from gateway.current import broker, services, tenant
from gateway.filenames import legible
from gateway.followers import EMBEDDING, EMBEDDING_TYPE, embedding_beside, followers

_MAX_FILENAME = 255


@dataclass(frozen=True, slots=True)
class Upload:
    """A received file that is what it should be."""

    stream: IO[bytes]
    kind: str
    filename: str
    content_type: str
    size: int
    #: When it is to be deleted, if ever, and whether its bytes are kept once it is transcoded.
    expires_at: str | None = None
    keep_source: bool = True
    #: Whether it is to be made searchable.
    embed: bool = True

    def fingerprint(self) -> list[str]:
        """Tells this upload from another one: name, content and what was asked for."""
        self.stream.seek(0)
        asked = [f"expires_at={self.expires_at}"] if self.expires_at else []
        asked += [] if self.keep_source else ["keep_source=false"]
        asked += [] if self.embed else ["embed=false"]
        return [self.filename, hashlib.file_digest(self.stream, "sha256").hexdigest(), *asked]  # type: ignore[arg-type]


def receive(
    file: FileStorage,
    kind: str,
    expires_at: int | None = None,
    keep_source: bool = True,
    embed: bool | None = None,
    max_bytes: int | None = None,
) -> Upload:
    """The file of a form, which must be of this kind. ``expires_at`` is in microseconds.

    ``embed`` is what the form says, if it does; ``max_bytes`` a bound below that of all uploads.

    Raises ``InvalidInput``, ``TooLarge``, ``UnsupportedMedia``.
    """
    size = file.stream.seek(0, os.SEEK_END)
    limit = min(services().settings.max_upload_bytes, max_bytes or services().settings.max_upload_bytes)
    if size > limit:
        raise TooLarge(f"The file is larger than {limit} bytes.", max_bytes=limit)
    if size == 0:
        raise InvalidInput("The file is empty.", errors=[{"pointer": "file", "detail": "The file is empty."}])
    file.stream.seek(0)
    name, expires = clean_filename(file.filename or "", kind), None if expires_at is None else to_rfc3339(expires_at)
    content_type = type_of(file.stream.read(HEAD_BYTES), kind, name)
    return Upload(file.stream, kind, name, content_type, size, expires, keep_source, embedded(kind, embed))


def embedded(kind: str, asked: bool | None) -> bool:
    """Whether an upload of this kind is to be made searchable, of which this was asked, or nothing."""
    return kind in services().settings.embed_uploads if asked is None else asked


def accept(upload: Upload, media_id: UUID, new: NewTask, then: Sequence[str] = ()) -> tuple[MediaRecord, Task | None]:
    """Stores an upload under the id ``media_id``, with the task that is to process it, and what follows ``then``.

    The bytes go first, so that no task ever finds them missing; record and tasks follow in one transaction.
    """
    record = new_record(upload, media_id, new)
    upload.stream.seek(0)
    try:
        broker().storage.put(record.source_key, upload.stream)  # type: ignore[arg-type]
        return submit(record, new, then)
    except TaskBrokerError:
        _discard(record)
        raise


def accept_url(kind: str, media_id: UUID, new: NewTask, then: Sequence[str], told: dict[str, Any]) -> MediaRecord:
    """The same of a file that is at a URL: whoever works on it first fetches it.

    ``told`` is what a body says beside the task: ``url``, and if wanted ``filename``, ``expires_at`` in microseconds,
    ``keep_source``, ``embed``. Raises ``InvalidInput`` for a URL that may not be called, and where nothing would work
    on the file, and ``SecretKeyMissing``.
    """
    url = told["url"]
    try:
        check_url(url, allow_private=broker().settings.webhooks_allow_private)
    except TargetRefused as error:
        raise InvalidInput(errors=[{"pointer": "/url", "detail": error.message}]) from error
    name = clean_filename(told.get("filename") or unquote(urlsplit(url).path.rpartition("/")[2]), kind)
    expires = to_rfc3339(told["expires_at"]) if "expires_at" in told else None
    embed = embedded(kind, told.get("embed"))
    announced = Upload(io.BytesIO(), kind, name, "", 0, expires, told.get("keep_source", True), embed)
    record = new_record(announced, media_id, new)
    if not (record.task_id or then):
        detail = f"Nothing is to be made of {ARTICLE[kind]} that is not embedded, so nothing would fetch it."
        raise InvalidInput(errors=[{"pointer": "/url", "detail": detail}])
    origin = Origin(url, services().settings.max_upload_bytes)
    return submit(replace(record, fetch=broker().fetching.seal(record.id, origin)), new, then)[0]


def new_record(upload: Upload, media_id: UUID, new: NewTask) -> MediaRecord:
    """What is to be known of an upload that the task is to process: that has no part in one that is left out."""
    left_out = new.type == EMBEDDING_TYPE and not upload.embed
    return MediaRecord(
        id=str(media_id),
        tenant=tenant().name,
        kind=upload.kind,
        filename=upload.filename,
        content_type=upload.content_type,
        size=upload.size,
        source_key=paths.source(tenant().name, str(media_id)),
        created_at="",
        task_id=None if left_out else str(uuid5(media_id, new.type)),
        expires_at=upload.expires_at,
        keep_source=upload.keep_source,
        info={"embed": upload.embed, **({"tags": new.tags} if new.tags else {})},
    )


def submit(record: MediaRecord, new: NewTask, then: Sequence[str] = ()) -> tuple[MediaRecord, Task | None]:
    """Makes the record and the tasks of a file whose bytes are stored. A repeat finds what the first has made.

    One that its own task does not embed is embedded beside that, whatever becomes of it. Raises ``Deleted`` where it
    was deleted meanwhile.
    """
    record = replace(record, flow=record.id if then else None)
    tasks = _tasks(record, new, then)
    if not tasks:
        return replace(record, created_at=broker().tasks.keep(record)), None
    if len(tasks) == 1:
        task, is_new = broker().tasks.submit(record.tenant, tasks[0], media=record)
    else:
        (task, is_new), *_ = broker().tasks.submit_linked(record.tenant, tasks, media=record, batch=False)
    if not (is_new or broker().media.exists(record.tenant, record.id)):  # an earlier attempt's, which is deleted
        raise Deleted()
    return replace(record, created_at=task.created_at), task if record.task_id else None


def _tasks(record: MediaRecord, new: NewTask, then: Sequence[str]) -> list[Submission]:
    """The file's own task first, if it has one."""
    media_id, own, beside = UUID(record.id), [], []
    if record.task_id:
        own = [broker().tasks.check(structs.replace(new, id=record.task_id, flow=record.flow))]
        if new.type != EMBEDDING_TYPE and record.info["embed"] and EMBEDDING not in then:
            beside = [embedding_beside(media_id, record.kind, own[0])]
    return [*own, *beside, *followers(media_id, record.kind, then, own, group=new.group, tags=new.tags)]


def clean_filename(name: str, fallback: str) -> str:
    """The last part of a path, printable and not too long."""
    last = name.replace("\\", "/").rsplit("/", 1)[-1]
    return legible(last)[:_MAX_FILENAME].strip() or fallback


def _discard(record: MediaRecord) -> None:
    """Remove the bytes of a refused upload. If its record exists, it was accepted and only the reply was lost."""
    with suppress(Unavailable):
        try:
            broker().media.get(record.tenant, record.id)
        except NotFound:
            broker().storage.delete(record.source_key)
