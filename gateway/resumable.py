"""Uploads that come in pieces: what a request adds, and how the last byte makes a media file of it, with its task."""

import os
from collections.abc import Callable
from dataclasses import replace
from typing import IO, Any
from uuid import UUID

from broker.errors import InvalidInput, TooLarge, UnsupportedMedia
from broker.media.sniff import HEAD_BYTES, type_of
from broker.task import NewTask
from broker.uploads.records import Upload
from broker.uploads.uploads import Writer
from gateway import uploads
from gateway.current import broker, services, tenant
from gateway.tus import check_sum

#: Makes the task of an upload, by the kind and the id of its file, and what was asked for with it.
TaskOf = Callable[[str, str, dict[str, Any]], NewTask]


def begin(upload_id: UUID, kind: str, size: int, metadata: str, asked: dict[str, Any]) -> Upload:
    """An upload of ``size`` bytes. Raises ``TooLarge``, ``InvalidInput``, ``QuotaExceeded``, ``TooManyUploads``."""
    limit = services().settings.max_upload_bytes
    if size > limit:
        raise TooLarge(f"The file is larger than {limit} bytes.", max_bytes=limit)
    if size == 0:
        raise InvalidInput(errors=[{"pointer": "Upload-Length", "detail": "The file is empty."}])
    return broker().uploads.create(Upload(str(upload_id), tenant().name, kind, size, metadata, asked))


def find(upload_id: UUID) -> Upload:
    """The caller's upload. Raises ``NotFound``."""
    found = broker().uploads.get(tenant().name, str(upload_id))
    return replace(found, complete=True, offset=found.size) if _is_made(found) else found


def add(upload_id: UUID, offset: int, body: IO[bytes], announced: int, checksum: str | None, task: TaskOf) -> Upload:
    """Adds what ``body`` has from where it stands, at ``offset``; with the last byte the media file is there.

    ``announced`` are the bytes of which it may be the beginning. Raises ``OffsetMismatch``, ``UploadLocked``,
    ``ChecksumMismatch``, ``TooLarge``, ``UnsupportedMedia`` (which ends the upload), and what a submission raises: then
    the last bytes may be sent again.
    """
    size = _left(body)
    with broker().uploads.writer(tenant().name, str(upload_id)) as writer:
        if _is_made(writer.upload):  # who made it died before it could say so
            writer.save(writer.completed())
        writer.check_offset(offset)
        most = writer.upload.size - offset
        if max(announced, size) > most:
            raise TooLarge(f"That is more than the {most} bytes that are left of this upload.", max_bytes=most)
        if checksum is not None:
            check_sum(checksum, body)
        if writer.upload.complete:
            return writer.upload
        _see(writer, body, size)
        return _append(writer, body, size, task)


def remove(upload_id: UUID) -> None:
    """Ends the caller's upload; a media file that it became stays. Raises ``NotFound``, ``UploadLocked``."""
    with broker().uploads.writer(tenant().name, str(upload_id)) as writer:
        if _is_made(writer.upload):
            writer.upload = writer.completed()
        broker().uploads.remove(writer)


def _left(body: IO[bytes]) -> int:
    """Bytes from where it stands."""
    start = body.tell()
    size = body.seek(0, os.SEEK_END) - start
    body.seek(start)
    return size


def _see(writer: Writer, body: IO[bytes], size: int) -> None:
    """Looks at the first bytes, once enough of them are there, and ends what is not what it should be."""
    upload = writer.upload
    if upload.content_type:
        return
    start = body.tell()
    head = upload.head + body.read(HEAD_BYTES - len(upload.head))
    body.seek(start)
    found = ""
    if len(head) >= HEAD_BYTES or upload.offset + size >= upload.size:
        try:
            found = type_of(head, upload.kind, upload.asked["filename"])
        except UnsupportedMedia:
            broker().uploads.remove(writer)
            raise
    writer.upload = replace(upload, head=b"" if found else head, content_type=found)


def _append(writer: Writer, body: IO[bytes], size: int, task: TaskOf) -> Upload:
    upload = writer.append(body, size) if size else writer.upload  # type: ignore[arg-type]
    if upload.offset < upload.size:
        return writer.save(upload)
    writer.make_object()
    asked, media_id = upload.asked, UUID(upload.id)
    new = task(upload.kind, upload.id, asked)
    described = uploads.Upload(
        body, upload.kind, asked["filename"], upload.content_type, upload.size,
        expires_at=asked.get("expires_at"), keep_source=asked.get("keep_source", True),
        embed=uploads.embedded(upload.kind, asked.get("embed")),
    )  # fmt: skip
    uploads.submit(uploads.new_record(described, media_id, new), new, asked.get("then", ()))
    return writer.save(writer.completed())


def _is_made(upload: Upload) -> bool:
    """Whether its media file was made, by a process that died before it could say so."""
    return not upload.complete and broker().media.exists(upload.tenant, upload.id)
