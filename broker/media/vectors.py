"""Vectors: what semantic search compares, kept per tenant and model, as bytes that only the encoder understands."""

import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

from redis import Redis

from broker.engine.keys import Keys
from broker.engine.script_connection_pool import ScriptConnectionPool
from broker.engine.scripts import Script
from broker.errors import NotFound
from broker.media.parts import Part
from broker.media.parts import pack as pack_parts
from broker.media.parts import unpack as unpack_parts

#: What is said of vectors for a file that is not there.
GONE = "There is no media file with this id (any more)."


class Embedding(NamedTuple):
    """All vectors of one media file: one per part of it (frame, passage), each L2-normalised little-endian float16.

    All are of one length; there are none when what is stored is not of this form.
    """

    entity_type: str
    entity_id: str
    parts: tuple[bytes, ...]


class Put(NamedTuple):
    """What is put; as the arguments of ``VectorStore.put``."""

    tenant: str
    model: str
    entity_type: str
    entity_id: str
    vectors: list[bytes]
    parts: Sequence[Part] = ()


@dataclass(frozen=True, slots=True)
class Changes:
    """What a reader of an older version has to do to be at ``version``."""

    version: str
    put: tuple[Embedding, ...]
    deleted: tuple[str, ...]
    #: Whether there is nothing newer than ``version``.
    complete: bool
    #: How many media files have vectors: a reader of all changes who knows of more or fewer has to read again.
    total: int


class VectorStore(Protocol):
    """Vectors of different models are never mixed: every call names the model."""

    def put(
        self,
        tenant: str,
        model: str,
        entity_type: str,
        entity_id: str,
        vectors: list[bytes],
        parts: Sequence[Part] = (),
    ) -> None:
        """Replace all vectors (at least one, of one length) of a media file.

        ``parts`` says what each stands for, in their order; without it a search cannot say where it found something.
        Raises ``NotFound`` when the tenant has no such file (any more), so that nothing outlives its file.
        """

    def put_each(self, puts: Sequence[Put]) -> list[bool]:
        """As ``put`` of each, in one round trip: whether the tenant has the file, instead of ``NotFound``."""

    def delete(self, tenant: str, entity_id: str) -> None:
        """Forget a media file in every model."""

    def version(self, tenant: str, model: str) -> str:
        """Names the last change, as no other will ever be named; empty before the first."""

    def count(self, tenant: str, model: str) -> int:
        """How many media files have something."""

    def get(self, tenant: str, model: str, entity_id: str) -> Embedding | None:
        """What one media file has, if anything."""

    def get_many(self, tenant: str, model: str, entity_ids: Sequence[str]) -> dict[str, Embedding]:
        """What those of these files have that have anything."""

    def parts(self, tenant: str, model: str, entity_ids: Sequence[str]) -> dict[str, tuple[Part, ...]]:
        """What the vectors of these files stand for, in the order of the vectors, as far as it is known."""

    def all(self, tenant: str, model: str) -> Iterator[Embedding]:
        """Everything a tenant has for a model. What changes meanwhile may be given in either state, or twice."""

    def changes(self, tenant: str, model: str, since: str) -> Changes | None:
        """The first changes after version ``since``, some hundred at most, as the store is at this moment.

        ``None`` when it does not know that version: it is too long ago, or the server was set back to an earlier
        state. Then read ``all`` again.
        """


#: Changes, and bytes of vectors, that are read at once: no reader and no other client waits long for them.
_AT_ONCE, _PAGE_BYTES = 50, 400_000


class RedisVectors:
    """A hash per tenant and model, and a bounded stream of what changed in it.

    A hash field is a media id; its value is a line ``"<type> <number of parts>"`` and the parts one after another.
    What the parts stand for is in a hash beside it, by the same ids: it is read for the few files that are found.
    """

    def __init__(self, redis: Redis, keys: Keys) -> None:
        """``redis`` answers bytes (``decode_responses=False``). Its errors (``redis.RedisError``) pass through."""
        self._redis = redis
        self._keys = keys
        self._calls = ScriptConnectionPool(redis)
        self._put = Script("put_vectors")
        self._delete = Script("delete_vectors")
        self._changed = Script("changed_vectors")

    def put(
        self,
        tenant: str,
        model: str,
        entity_type: str,
        entity_id: str,
        vectors: list[bytes],
        parts: Sequence[Part] = (),
    ) -> None:
        if not self._put.run(self._calls, self._arguments(Put(tenant, model, entity_type, entity_id, vectors, parts))):
            raise NotFound(GONE)

    def put_each(self, puts: Sequence[Put]) -> list[bool]:
        return [bool(done) for done in self._put.run_each(self._calls, [self._arguments(each) for each in puts])]

    def _arguments(self, put: Put) -> tuple[Any, ...]:
        """In the order of put_vectors.lua."""
        if put.parts and len(put.parts) != len(put.vectors):
            raise ValueError(f"{len(put.parts)} parts for {len(put.vectors)} vectors")
        packed = _pack(put.entity_type, put.vectors)
        parts = pack_parts(put.parts) if put.parts else b""
        return self._keys.prefix, put.tenant, put.model, put.entity_id, packed, parts, _nonce()

    def delete(self, tenant: str, entity_id: str) -> None:
        self._delete(self._redis, prefix=self._keys.prefix, tenant=tenant, media_id=entity_id, nonce=_nonce())

    def get(self, tenant: str, model: str, entity_id: str) -> Embedding | None:
        return self.get_many(tenant, model, [entity_id]).get(entity_id)

    def get_many(self, tenant: str, model: str, entity_ids: Sequence[str]) -> dict[str, Embedding]:
        if not entity_ids:
            return {}
        packed = self._redis.hmget(self._keys.vectors(tenant, model), list(entity_ids))
        found = [_unpack(*each) for each in zip(entity_ids, packed, strict=True) if each[1] is not None]
        return {each.entity_id: each for each in found if each.parts}

    def parts(self, tenant: str, model: str, entity_ids: Sequence[str]) -> dict[str, tuple[Part, ...]]:
        if not entity_ids:
            return {}
        found = self._redis.hmget(self._keys.vector_parts(tenant, model), list(entity_ids))
        known = {entity_id: unpack_parts(packed) for entity_id, packed in zip(entity_ids, found, strict=True)}
        return {entity_id: parts for entity_id, parts in known.items() if parts}

    def version(self, tenant: str, model: str) -> str:
        last = self._redis.xrevrange(self._keys.vector_changes(tenant, model), count=1)
        return last[0][0].decode() if last else ""

    def count(self, tenant: str, model: str) -> int:
        return int(self._redis.hlen(self._keys.vectors(tenant, model)))

    def all(self, tenant: str, model: str) -> Iterator[Embedding]:
        key, cursor, count = self._keys.vectors(tenant, model), 0, 20
        while True:
            cursor, found = self._redis.hscan(key, cursor, count=count)
            for entity_id, packed in found.items():
                yield _unpack(entity_id.decode(), packed)
            if not cursor:
                return
            size = sum(map(len, found.values()))
            count = min(500, 1 + _PAGE_BYTES * len(found) // max(1, size))

    def changes(self, tenant: str, model: str, since: str) -> Changes | None:
        found = self._changed(
            self._redis, prefix=self._keys.prefix, tenant=tenant, model=model, since=since, most=_AT_ONCE
        )
        if not found:
            return None
        version, complete, total, ids, packed = found
        states = list(zip((each.decode() for each in ids), packed, strict=True))
        return Changes(
            version.decode(),
            tuple(_unpack(entity_id, state) for entity_id, state in states if state is not None),
            tuple(entity_id for entity_id, state in states if state is None),
            bool(complete),
            total,
        )


def _nonce() -> int:
    return secrets.randbits(63)


def _pack(entity_type: str, vectors: list[bytes]) -> bytes:
    if len({len(vector) for vector in vectors}) != 1 or not vectors[0]:
        raise ValueError("vectors of one media file must be at least one, and all of one length")
    return b"%s %d\n" % (entity_type.encode(), len(vectors)) + b"".join(vectors)


def _unpack(entity_id: str, packed: bytes) -> Embedding:
    try:
        head, _, data = packed.partition(b"\n")
        entity_type, _, parts = head.decode().partition(" ")
        length, rest = divmod(len(data), int(parts))
        if rest or not length:
            raise ValueError("the parts are not of one length")
    except (ValueError, ZeroDivisionError):  # not of our writing; the others are read all the same
        return Embedding("", entity_id, ())
    return Embedding(entity_type, entity_id, tuple([data[at : at + length] for at in range(0, len(data), length)]))
