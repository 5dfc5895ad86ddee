"""Uploads: a form's file becomes bytes in storage, a record and a task; what is refused leaves nothing of these.

A body is spooled to a temporary file as it arrives, because what it is, how large it is and whether it was sent before
must be known before anything is stored.
"""

import hashlib
import os
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import IO
from uuid import UUID, uuid5

from msgspec import structs
from werkzeug.datastructures import FileStorage

from broker.errors import InvalidInput, NotFound, TaskBrokerError, TooLarge, Unavailable, UnsupportedMedia
from broker.media import paths
from broker.media.records import MediaRecord
from broker.media.sniff import HEAD_BYTES, sniff
from broker.task import NewTask, Task
from gateway.current import broker, services, tenant

_MAX_FILENAME = 255
#: How each kind of media is called.
ARTICLE = {"video": "a video", "image": "an image", "audio": "an audio file", "document": "a document"}


@dataclass(frozen=True, slots=True)
class Upload:
    """A received file that is what it should be."""

    stream: IO[bytes]
    kind: str
    filename: str
    content_type: str
    size: int

    def fingerprint(self) -> list[str]:
        """Tells this upload from another one: name and content."""
        self.stream.seek(0)
        return [self.filename, hashlib.file_digest(self.stream, "sha256").hexdigest()]  # type: ignore[arg-type]


def receive(file: FileStorage, kind: str) -> Upload:
    """The file of a form, which must be of this kind. Raises ``InvalidInput``, ``TooLarge``, ``UnsupportedMedia``."""
    size = file.stream.seek(0, os.SEEK_END)
    limit = services().settings.max_upload_bytes
    if size > limit:
        raise TooLarge(f"The file is larger than {limit} bytes.", max_bytes=limit)
    if size == 0:
        raise InvalidInput("The file is empty.", errors=[{"pointer": "file", "detail": "The file is empty."}])
    file.stream.seek(0)
    found = sniff(file.stream.read(HEAD_BYTES))
    if found is None:
        raise UnsupportedMedia(f"The file is not {ARTICLE[kind]} of a format that is supported here.")
    if found.kind != kind:
        raise UnsupportedMedia(f"The file is {ARTICLE[found.kind]} ({found.content_type}), not {ARTICLE[kind]}.")
    return Upload(file.stream, kind, clean_filename(file.filename or "", kind), found.content_type, size)


def accept(upload: Upload, media_id: UUID, new: NewTask) -> tuple[MediaRecord, Task]:
    """Transitions an upload under the id ``media_id``, with the task that is to process it.

    The bytes go first, so that no task ever finds them missing; record and task follow in one transaction.
    """
    record = MediaRecord(
        id=str(media_id),
        tenant=tenant().name,
        kind=upload.kind,
        filename=upload.filename,
        content_type=upload.content_type,
        size=upload.size,
        source_key=paths.source(tenant().name, str(media_id)),
        created_at="",
        task_id=str(uuid5(media_id, new.type)),
    )
    upload.stream.seek(0)
    try:
        broker().storage.put(record.source_key, upload.stream)  # type: ignore[arg-type]
        task, _ = broker().tasks.submit(record.tenant, structs.replace(new, id=record.task_id), media=record)
    except TaskBrokerError:
        _discard(record)
        raise
    return replace(record, created_at=task.created_at), task


def clean_filename(name: str, fallback: str) -> str:
    """The last part of a path, printable and not too long."""
    last = name.replace("\\", "/").rsplit("/", 1)[-1]
    return "".join(filter(str.isprintable, last)).strip()[:_MAX_FILENAME] or fallback


def _discard(record: MediaRecord) -> None:
    """Remove the bytes of a refused upload. If its record exists, it was accepted and only the reply was lost."""
    with suppress(Unavailable):
        try:
            broker().media.get(record.tenant, record.id)
        except NotFound:
            broker().storage.delete(record.source_key)
