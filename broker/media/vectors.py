"""Vectors: what semantic search compares, kept per tenant and model, as bytes that only the encoder understands."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from redis import Redis

from broker.engine.keys import Keys
from broker.engine.scripts import Script
from broker.errors import NotFound


@dataclass(frozen=True, slots=True)
class Embedding:
    """All vectors of one media file: one per part of it (frame, passage), each L2-normalised little-endian float16."""

    entity_type: str
    entity_id: str
    parts: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Changes:
    """What a reader of an older version has to do to be at ``version``."""

    version: int
    put: tuple[Embedding, ...]
    deleted: tuple[str, ...]


class VectorStore(Protocol):
    """Vectors of different models are never mixed: every call names the model."""

    def put(self, tenant: str, model: str, entity_type: str, entity_id: str, vectors: list[bytes]) -> None:
        """Replace all vectors (at least one, of one length) of a media file.

        Raises ``NotFound`` when the tenant has no such file (any more), so that nothing outlives its file.
        """

    def delete(self, tenant: str, entity_id: str) -> None:
        """Forget a media file in every model."""

    def version(self, tenant: str, model: str) -> int:
        """A number that grows with every change, so that a reader knows when to read again; 0 before the first."""

    def all(self, tenant: str, model: str) -> Iterator[Embedding]:
        """Everything a tenant has for a model. What changes meanwhile may be given in either state, or twice."""

    def changes(self, tenant: str, model: str, since: int) -> Changes | None:
        """What happened after version ``since``; ``None`` when that is too long ago: read ``all`` again."""


class RedisVectors:
    """A hash per tenant and model, and a bounded stream of what changed in it.

    A hash field is a media id; its value is a line ``"<type> <number of parts>"`` and the parts one after another.
    """

    def __init__(self, redis: Redis, keys: Keys) -> None:
        """``redis`` answers bytes (``decode_responses=False``). Its errors (``redis.RedisError``) pass through."""
        self._redis = redis
        self._keys = keys
        self._put = Script("put_vectors")
        self._delete = Script("delete_vectors")

    def put(self, tenant: str, model: str, entity_type: str, entity_id: str, vectors: list[bytes]) -> None:
        packed = _pack(entity_type, vectors)
        done = self._put(
            self._redis, prefix=self._keys.prefix, tenant=tenant, model=model, media_id=entity_id, vectors=packed
        )
        if not done:
            raise NotFound("There is no media file with this id (any more).")

    def delete(self, tenant: str, entity_id: str) -> None:
        self._delete(self._redis, prefix=self._keys.prefix, tenant=tenant, media_id=entity_id)

    def version(self, tenant: str, model: str) -> int:
        last = self._redis.xrevrange(self._keys.vector_changes(tenant, model), count=1)
        return _version(last[0][0]) if last else 0

    def all(self, tenant: str, model: str) -> Iterator[Embedding]:
        for entity_id, packed in self._redis.hscan_iter(self._keys.vectors(tenant, model), count=500):
            yield _unpack(entity_id.decode(), packed)

    def changes(self, tenant: str, model: str, since: int) -> Changes | None:
        noted = self._redis.xrange(self._keys.vector_changes(tenant, model), min=f"{since}-0")
        if not noted:
            return Changes(0, (), ()) if since == 0 else None
        if _version(noted[0][0]) > since + 1:
            return None
        ids = list({fields[b"media"] for version, fields in noted if _version(version) > since})
        found = self._redis.hmget(self._keys.vectors(tenant, model), ids) if ids else []
        states = list(zip((each.decode() for each in ids), found, strict=True))
        return Changes(
            _version(noted[-1][0]),
            tuple(_unpack(entity_id, packed) for entity_id, packed in states if packed is not None),
            tuple(entity_id for entity_id, packed in states if packed is None),
        )


def _version(entry_id: bytes) -> int:
    return int(entry_id.partition(b"-")[0])


def _pack(entity_type: str, vectors: list[bytes]) -> bytes:
    if len({len(vector) for vector in vectors}) != 1 or not vectors[0]:
        raise ValueError("vectors of one media file must be at least one, and all of one length")
    return b"%s %d\n" % (entity_type.encode(), len(vectors)) + b"".join(vectors)


def _unpack(entity_id: str, packed: bytes) -> Embedding:
    head, _, data = packed.partition(b"\n")
    entity_type, _, parts = head.decode().partition(" ")
    length = len(data) // int(parts)
    return Embedding(entity_type, entity_id, tuple(data[at : at + length] for at in range(0, len(data), length)))
