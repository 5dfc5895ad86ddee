"""Uploads that come in pieces: what a request adds, and how the last byte makes a media file of it, with its task."""

import os
from collections.abc import Callable
from dataclasses import replace
from typing import IO, Any, NamedTuple
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


def begin(upload_id: UUID, kind: str, size: int | None, metadata: str, asked: dict[str, Any]) -> Upload:
    """An upload of ``size`` bytes, ``None`` where its length is told later.

    Raises ``TooLarge``, ``InvalidInput``, ``QuotaExceeded``, ``TooManyUploads``.
    """
    if size is not None:
        _check_length(size)
    new = Upload(str(upload_id), tenant().name, kind, size or 0, metadata, asked, deferred=size is None)
    return broker().uploads.create(new)


def find(upload_id: UUID) -> Upload:
    """The caller's upload. Raises ``NotFound``."""
    found = broker().uploads.get(tenant().name, str(upload_id))
    return replace(found, complete=True, offset=found.size) if _is_made(found) else found


class Sent(NamedTuple):
    """What a request brings."""

    #: Where its bytes belong.
    offset: int
    #: From where it stands.
    body: IO[bytes]
    #: The bytes of which the body may be the beginning.
    announced: int
    #: ``Upload-Checksum``.
    checksum: str | None = None
    #: ``Upload-Length`` of an upload that began without one.
    length: int | None = None


def add(upload_id: UUID, sent: Sent, task: TaskOf) -> Upload:
    """Adds what was sent; with the last byte the media file is there.

    Raises ``OffsetMismatch``, ``UploadLocked``,
    ``ChecksumMismatch``, ``TooLarge``, ``UnsupportedMedia`` (which ends the upload), and what a submission raises: then
    the last bytes may be sent again.
    """
    body, size = sent.body, _left(sent.body)
    with broker().uploads.writer(tenant().name, str(upload_id), size) as writer:
        if _is_made(writer.upload):  # who made it died before it could say so
            writer.save(writer.completed())
        writer.check_offset(sent.offset)
        if sent.length is not None:
            _tell_length(writer, sent.length)
        most = (_limit() if writer.upload.deferred else writer.upload.size) - sent.offset
        if max(sent.announced, size) > most:
            raise TooLarge(f"That is more than the {most} bytes that are left of this upload.", max_bytes=most)
        if sent.checksum is not None:
            check_sum(sent.checksum, body)
        if writer.upload.complete:
            return writer.upload
        if writer.upload.deferred:
            writer.announce(sent.offset + size, deferred=True)
        _see(writer, body, size)
        return _append(writer, body, size, task)


def remove(upload_id: UUID) -> None:
    """Ends the caller's upload; a media file that it became stays. Raises ``NotFound``, ``UploadLocked``."""
    with broker().uploads.writer(tenant().name, str(upload_id)) as writer:
        if _is_made(writer.upload):
            writer.upload = writer.completed()
        broker().uploads.remove(writer)


def _limit() -> int:
    return services().settings.max_upload_bytes


def _check_length(size: int) -> None:
    if size > _limit():
        raise TooLarge(f"The file is larger than {_limit()} bytes.", max_bytes=_limit())
    if size == 0:
        raise InvalidInput(errors=[{"pointer": "Upload-Length", "detail": "The file is empty."}])


def _tell_length(writer: Writer, length: int) -> None:
    """Once, and the same again with a repeat. Raises ``TooLarge``, ``InvalidInput``, ``QuotaExceeded``."""
    upload = writer.upload
    if not upload.deferred:
        if length != upload.size:
            detail = f"It was told before, as {upload.size}, and stays so."
            raise InvalidInput(errors=[{"pointer": "Upload-Length", "detail": detail}])
        return
    _check_length(length)
    if length < upload.offset:
        detail = f"Must be at least the {upload.offset} bytes that are here."
        raise InvalidInput(errors=[{"pointer": "Upload-Length", "detail": detail}])
    writer.announce(length, deferred=False)


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
    if len(head) >= HEAD_BYTES or (not upload.deferred and upload.offset + size >= upload.size):
        try:
            found = type_of(head, upload.kind, upload.asked["filename"])
        except UnsupportedMedia:
            broker().uploads.remove(writer)
            raise
    writer.upload = replace(upload, head=b"" if found else head, content_type=found)


def _append(writer: Writer, body: IO[bytes], size: int, task: TaskOf) -> Upload:
    total = _limit() if writer.upload.deferred else writer.upload.size
    upload = writer.append(body, size, total) if size else writer.upload  # type: ignore[arg-type]
    if upload.deferred or upload.offset < upload.size:
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
