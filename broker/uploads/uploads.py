"""Uploads that come in pieces: made, continued by one writer at a time, and ended.

What Redis says of an upload counts: a piece is there when its offset is, and whoever stored one and died before that
has stored nothing. The storage is written first. A writer that was only taken for dead saves nothing when it goes on,
and what it writes then is in nobody's way.
"""

import secrets
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import BinaryIO

from redis import Redis

from broker.engine.connection import redis_errors
from broker.engine.keys import Keys
from broker.engine.scripts import Script
from broker.errors import NotFound, OffsetMismatch, TooManyUploads, Unavailable, UploadLocked
from broker.media import paths
from broker.media.storage import Storage
from broker.uploads.records import Upload, changed_fields, first_fields, from_fields
from broker.usage import quotas

#: Uploads of a tenant that are not complete.
MOST = 1000
#: Seconds after which a writer that has said nothing counts as dead; a living one speaks three times as often.
HOLD = 15.0
_MISSING = "There is no upload with this id (any more)."
_TAKEN_OVER = "Another request has taken this upload over; ask how far it is."


class Uploads:
    """On one Redis client with ``decode_responses=True``. Raises ``Unavailable`` where it or the storage fails."""

    def __init__(
        self, redis: "Redis", keys: Keys, storage: Callable[[], Storage], bounds: str, kept_hours: float
    ) -> None:
        """``bounds`` as in `quotas.bounds`; an upload is given up after ``kept_hours`` without a piece."""
        self._redis = redis
        self._keys = keys
        self._storage = storage
        self._bounds = bounds
        self._kept_us = int(kept_hours * 3600 * 1_000_000)
        self._create, self._announce = Script("create_upload"), Script("announce_upload")
        self._hold, self._save, self._forget = Script("hold_upload"), Script("save_upload"), Script("forget_upload")

    def create(self, upload: Upload) -> Upload:
        """Begins it; a repeat with the same id finds it. Raises ``QuotaExceeded``, ``TooManyUploads``."""
        begun = replace(upload, state=self._storage().resumable.begin(upload.key))
        fields = [text for pair in first_fields(begun).items() for text in pair]
        with redis_errors():
            reply = self._create(
                self._redis,
                prefix=self._keys.prefix,
                upload_id=upload.id,
                tenant=upload.tenant,
                size=upload.size,
                kept_us=self._kept_us,
                most=MOST,
                bounds=self._bounds,
                fields=fields,
            )
        if reply[0] == 1:
            return self.get(upload.tenant, upload.id)
        self._storage().resumable.remove(begun.key, begun.state)
        if reply[0] == 0:
            raise TooManyUploads(f"You have {MOST} uploads that are not complete: continue or delete some.")
        raise quotas.refused(*(str(each) for each in reply[1:]))

    def get(self, tenant: str, upload_id: str) -> Upload:
        """Raises ``NotFound``, also for another tenant's."""
        with redis_errors():
            found = self._redis.hgetall(self._keys.upload(upload_id))
        if not found or found.get("tenant") != tenant:
            raise NotFound(_MISSING)
        return from_fields(found)

    def page(self, tenant: str, limit: int, offset: int) -> tuple[list[Upload], int]:
        """``limit`` (at least 1) of those that are not complete, newest first, and how many there are."""
        index = self._keys.uploads(tenant)
        with redis_errors(), self._redis.pipeline(transaction=False) as reads:
            total = self._redis.zcard(index)
            for upload_id in self._redis.zrevrange(index, offset, offset + limit - 1):
                reads.hgetall(self._keys.upload(upload_id))
            found = reads.execute()
        return [from_fields(each) for each in found if each], int(total)

    @contextmanager
    def writer(self, tenant: str, upload_id: str, size: int = 0) -> Iterator["Writer"]:
        """Nobody else writes meanwhile. ``size``: bytes that it may add. Raises ``NotFound``, ``UploadLocked``."""
        name = secrets.token_hex(8)
        held = self._held(tenant, upload_id, name, size)
        writer = Writer(self, self._storage(), held, name)
        try:
            with self._kept_up(tenant, upload_id, name):
                yield writer
        finally:
            if not writer.ended:
                with suppress(Unavailable):  # then it ends by itself
                    self.save(held.id, name, None)

    def remove(self, writer: "Writer") -> None:
        """Ends what is being written. Raises ``UploadLocked``.

        Its bytes go last: by then nobody can go on with it. What is left of them when this breaks off is swept away.
        """
        upload = writer.upload
        if not self.forget(upload.tenant, upload.id, writer.name):
            raise UploadLocked(_TAKEN_OVER, retry_after=1)
        writer.ended = True
        if not upload.complete:
            self._storage().resumable.remove(upload.key, upload.state)
            self._storage().delete(paths.media_folder(upload.tenant, upload.id))

    def forget(self, tenant: str, upload_id: str, writer: str = "") -> bool:
        """Ends what has no bytes, or is ``writer``'s; false when it is not any more."""
        with redis_errors():
            return bool(
                self._forget(self._redis, prefix=self._keys.prefix, upload_id=upload_id, tenant=tenant, writer=writer)
            )

    def save(self, upload_id: str, writer: str, upload: Upload | None) -> None:
        """Keeps what has become of it, if anything, and ends the writer's hold. Raises ``UploadLocked``."""
        changes = changed_fields(upload) if upload else {}
        with redis_errors():
            kept = self._save(
                self._redis,
                prefix=self._keys.prefix,
                upload_id=upload_id,
                writer=writer,
                kept_us=self._kept_us if upload else "",
                complete="1" if upload and upload.complete else "",
                fields=[text for pair in changes.items() for text in pair],
            )
        if not kept and upload:
            raise UploadLocked(_TAKEN_OVER, retry_after=1)

    def announce(self, upload_id: str, writer: str, size: int, *, deferred: bool) -> None:
        """Says how large it will be, or ``deferred`` at least. Raises ``QuotaExceeded``, ``UploadLocked``."""
        with redis_errors():
            reply = self._announce(
                self._redis,
                prefix=self._keys.prefix,
                upload_id=upload_id,
                writer=writer,
                size=size,
                deferred="1" if deferred else "",
                bounds=self._bounds,
            )
        if reply[0] == 0:
            raise UploadLocked(_TAKEN_OVER, retry_after=1)
        if reply[0] < 0:
            raise quotas.refused(*(str(each) for each in reply[1:]))

    def live(self, keys: Sequence[str]) -> set[str]:
        """Those of these storage keys whose uploads go on."""
        with redis_errors(), self._redis.pipeline(transaction=False) as reads:
            for key in keys:
                reads.exists(self._keys.upload(key.split("/")[1] if key.count("/") > 1 else ""))
            found = reads.execute()
        return {key for key, there in zip(keys, found, strict=True) if there}

    def held_still(self, tenant: str, upload_id: str, writer: str) -> None:
        """Holds it for a while more. Raises ``NotFound``, ``UploadLocked`` when it was taken over."""
        self._held(tenant, upload_id, writer, 0, again=True)

    def _held(self, tenant: str, upload_id: str, writer: str, size: int, *, again: bool = False) -> Upload:
        with redis_errors():
            outcome, *rest = self._hold(
                self._redis,
                prefix=self._keys.prefix,
                upload_id=upload_id,
                tenant=tenant,
                writer=writer,
                hold_us=int(HOLD * 1e6),
                size=size,
                again="1" if again else "",
            )
        if outcome == 0:
            raise NotFound(_MISSING)
        if outcome < 0 and again:
            raise UploadLocked(_TAKEN_OVER, retry_after=1)
        if outcome < 0:
            raise UploadLocked(retry_after=min(int(rest[0]) / 1e6, 2.0))
        return from_fields(dict(zip(rest[::2], rest[1::2], strict=True)))

    @contextmanager
    def _kept_up(self, tenant: str, upload_id: str, writer: str) -> Iterator[None]:
        """Holds it for as long as it takes."""
        ended = threading.Event()

        def hold_on() -> None:
            while not ended.wait(HOLD / 3):
                try:
                    self.held_still(tenant, upload_id, writer)
                except (NotFound, UploadLocked):
                    return
                except Unavailable:  # Redis may answer again before the hold ends
                    continue

        thread = threading.Thread(target=hold_on, daemon=True)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()


class Writer:
    """The only one of an upload."""

    def __init__(self, uploads: Uploads, storage: Storage, upload: Upload, name: str) -> None:
        if upload.lost_writers and not upload.complete:
            state = storage.resumable.beside(upload.state, upload.lost_writers, upload.lost_bytes)
            upload = replace(upload, state=state)
        self.upload = upload
        self.name = name
        self.ended = False
        self._uploads, self._storage = uploads, storage

    def check_offset(self, offset: int) -> None:
        """Raises ``OffsetMismatch`` unless so much is there."""
        if offset != self.upload.offset:
            message = f"{self.upload.offset} bytes of this upload are here, so that is where it goes on."
            raise OffsetMismatch(message, upload_offset=self.upload.offset)

    def announce(self, size: int, *, deferred: bool) -> None:
        """Its length, or ``deferred`` the least that it can be. Raises ``QuotaExceeded``."""
        self._uploads.announce(self.upload.id, self.name, size, deferred=deferred)
        self.upload = replace(self.upload, size=size, deferred=deferred)

    def append(self, source: BinaryIO, size: int, total: int) -> Upload:
        """Adds ``size`` bytes; they count once they are saved. ``total`` is how many there will be at most.

        An earlier writer may have made the object of them all and died: then there is nothing to write.
        """
        upload, state = self.upload, self.upload.state
        try:
            state = self._storage.resumable.append(upload.key, state, source, upload.offset, size, total, self._still)
        except NotFound:
            if not self._is_object():
                raise
        self.upload = replace(upload, state=state, offset=upload.offset + size)
        return self.upload

    def make_object(self) -> None:
        """Of all bytes, where no earlier writer did."""
        upload, resumable = self.upload, self._storage.resumable
        if self._is_object():
            resumable.remove(upload.key, upload.state)
        else:
            resumable.complete(upload.key, upload.state, upload.size, self._still)

    def completed(self) -> Upload:
        """The upload as it is once its media file is there."""
        return replace(self.upload, offset=self.upload.size, complete=True)

    def save(self, upload: Upload) -> Upload:
        """Keeps what has become of it; the last that a writer does."""
        self._uploads.save(upload.id, self.name, upload)
        self.upload, self.ended = upload, True
        return upload

    def _still(self) -> None:
        """Raises ``UploadLocked`` when another has taken it over."""
        self._uploads.held_still(self.upload.tenant, self.upload.id, self.name)

    def _is_object(self) -> bool:
        try:
            return self._storage.stat(self.upload.key).size == self.upload.size
        except NotFound:
            return False
