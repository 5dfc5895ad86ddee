"""Media records: what is known about one uploaded file, and how it is read.

A record is created by the transition that submits the upload's task, and its ``info`` grows in the transition that
completes a task. This module has the hash's field codec and the reads; it writes nothing.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from redis import Redis

from broker.engine.connection import redis_errors
from broker.engine.keys import Keys
from broker.errors import NotFound

KINDS = frozenset({"video", "image", "audio", "document"})
#: Begins the names of the hash fields that make up ``info``.
_INFO = "info:"
_MISSING = "There is no media file with this id."


@dataclass(frozen=True, slots=True)
class MediaRecord:
    """One uploaded file. ``info`` grows as tasks learn more (sizes, duration, renditions, plugin answers)."""

    id: str
    tenant: str
    #: ``video``, ``image``, ``audio`` or ``document``.
    kind: str
    filename: str
    content_type: str
    size: int
    #: Storage key of the uploaded bytes.
    source_key: str
    created_at: str
    #: The task that was queued by the upload.
    task_id: str | None = None
    info: dict[str, Any] = field(default_factory=dict)


def fields(record: MediaRecord) -> dict[str, str]:
    """The record as fields of its Redis hash; an absent ``task_id`` is an empty text."""
    return {
        "id": record.id,
        "tenant": record.tenant,
        "kind": record.kind,
        "filename": record.filename,
        "content_type": record.content_type,
        "size": str(record.size),
        "source_key": record.source_key,
        "created_at": record.created_at,
        "task_id": record.task_id or "",
        **info_fields(record.info),
    }


def info_fields(info: Mapping[str, Any]) -> dict[str, str]:
    """``info`` as hash fields, one JSON value each, so that writing some of them merges and keeps the others."""
    return {f"{_INFO}{name}": json.dumps(value, separators=(",", ":")) for name, value in info.items()}


def from_fields(hash_fields: Mapping[str, str]) -> MediaRecord:
    """The inverse of ``fields``."""
    return MediaRecord(
        id=hash_fields["id"],
        tenant=hash_fields["tenant"],
        kind=hash_fields["kind"],
        filename=hash_fields["filename"],
        content_type=hash_fields["content_type"],
        size=int(hash_fields["size"]),
        source_key=hash_fields["source_key"],
        created_at=hash_fields["created_at"],
        task_id=hash_fields["task_id"] or None,
        info={
            name.removeprefix(_INFO): json.loads(value) for name, value in hash_fields.items() if name.startswith(_INFO)
        },
    )


class MediaStore:
    """Reads media records; a tenant sees its own only. Raises ``Unavailable`` without Redis."""

    def __init__(self, redis: "Redis", keys: Keys) -> None:
        """``redis`` answers text (``decode_responses=True``)."""
        self._redis = redis
        self._keys = keys

    def get(self, tenant: str, media_id: str) -> MediaRecord:
        """One record. Raises ``NotFound`` when it is missing, another tenant's, or ``media_id`` is no UUID."""
        key = self._keys.media(_canonical(media_id))
        with redis_errors():
            found: Any = self._redis.hgetall(key)
        if not found or found["tenant"] != tenant:
            raise NotFound(_MISSING)
        return from_fields(found)

    def page(self, tenant: str, kind: str, limit: int, offset: int) -> tuple[list[MediaRecord], int]:
        """``limit`` (at least 1) records of a kind, newest first, and how many there are in all at the same moment."""
        index = self._keys.media_index(tenant, kind)
        with redis_errors(), self._redis.pipeline(transaction=True) as counted:
            counted.zcard(index)
            counted.zrevrange(index, offset, offset + limit - 1)
            total, ids = counted.execute()
        with redis_errors(), self._redis.pipeline(transaction=False) as reads:
            for media_id in ids:
                reads.hgetall(self._keys.media(media_id))
            found = reads.execute()
        return [from_fields(each) for each in found if each], total


def _canonical(media_id: str) -> str:
    """``media_id`` as records are keyed by it; only the 36-character form of a UUID names one."""
    try:
        canonical = str(UUID(media_id))
    except ValueError:
        raise NotFound(_MISSING) from None
    if canonical != media_id.lower():
        raise NotFound(_MISSING)
    return canonical
