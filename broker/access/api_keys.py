"""API keys in Redis: who may do what, in force for every process with its next request."""

import time
from collections.abc import Iterable
from contextlib import suppress
from typing import Any, NamedTuple
from uuid import UUID

from redis import Redis

from broker.access.key_text import digest, id_of, is_id, new_id, new_key
from broker.access.records import CHECKED, SHOWN, ApiKey, Credential, Identity, api_key, identity, in_order, tenant_id
from broker.access.scopes import Scope
from broker.actor import Actor, argument
from broker.clock import Clock, to_rfc3339
from broker.engine.connection import redis_errors
from broker.engine.keys import Keys
from broker.engine.script_connection_pool import ScriptConnectionPool
from broker.engine.scripts import Script
from broker.errors import InvalidInput, NotFound, TaskBrokerError, Unavailable

#: So many that nobody needs more, and a script looks at all of a tenant's in no time.
MAX_KEYS = 100
#: How long a replaced secret may stay valid.
MAX_OVERLAP_SECONDS = 7 * 24 * 3600
#: Seconds between two notes of when a key was used.
_NOTED_EVERY = 60.0
#: What create_key.lua answers when another key has the id.
_TAKEN = -1
_NAMES = ("create_key", "rotate_key", "revoke_key", "touch_key")


class TooManyKeys(TaskBrokerError):
    """This tenant has as many keys as one may have; revoke one first."""

    code, status = "too_many_keys", 409


class NewKey(NamedTuple):
    """What is asked for. ``expires_us``: microseconds since the epoch, ``None`` for never."""

    tenant: str
    name: str
    scopes: frozenset[Scope]
    expires_us: int | None = None


class ApiKeys:
    """Raises ``Unavailable`` without Redis, and what the methods say.

    Ends of keys and of overlaps are judged by the clock of the process that is asked.
    """

    def __init__(self, pool: ScriptConnectionPool, keys: Keys, clock: Clock | None = None) -> None:
        """``pool`` is over a client with ``decode_responses=True``."""
        self._pool = pool
        self._redis: Redis = pool.redis
        self._keys = keys
        self._clock = clock or Clock()
        self._scripts = {name: Script(name) for name in _NAMES}
        #: Of each key, when this process last noted its use: monotonic seconds.
        self._noted: dict[str, float] = {}

    # for every request ------------------------------------------------------------------------------------------

    def identify(self, text: str) -> Identity | None:
        """Whose key this is; ``None`` for no valid one. One command to Redis, and none for what is no key of ours."""
        key_id = id_of(text)
        if not key_id:
            return None
        with redis_errors():
            values = self._pool.run("HMGET", self._keys.api_key(key_id), *CHECKED)
        return identity(Credential(key_id, digest(text)), values, self._clock.now_us())

    def note_use(self, found: Identity) -> None:
        """Notes that a key was used, at most once a minute; what cannot be noted is not."""
        key_id, now = found.credential.key_id, time.monotonic()
        if self._clock.now_us() - found.used_us < _NOTED_EVERY * 1e6:
            return
        if now - self._noted.get(key_id, -_NOTED_EVERY) < _NOTED_EVERY:
            return
        self._noted[key_id] = now
        with suppress(Unavailable):  # a server that is only to be read serves whoever only reads
            self._run("touch_key", id=key_id)

    def valid(self, credentials: Iterable[Credential]) -> set[Credential]:
        """Those that are still good for a request."""
        asked = list(credentials)
        with redis_errors(), self._redis.pipeline(transaction=False) as reads:
            for each in asked:
                reads.hmget(self._keys.api_key(each.key_id), CHECKED)
            found = reads.execute()
        now = self._clock.now_us()
        return {each for each, values in zip(asked, found, strict=True) if identity(each, values, now)}

    def tenant_name(self, uuid: UUID) -> str | None:
        """The name of the tenant with this UUID, while it has a valid key here."""
        with redis_errors():
            found = self._pool.run("HGET", self._keys.api_key_tenants(), str(uuid))
        until, _, name = (found or "").partition(" ")
        return name if name and (not until or int(until) > self._clock.now_us()) else None

    # for who manages them ---------------------------------------------------------------------------------------

    def create(self, new: NewKey, by: Actor, seed: UUID | None = None) -> tuple[ApiKey, str]:
        """The key and its text, which is told this once.

        A repeat with the same ``seed`` makes the same key anew, with another secret: the one before was told to nobody.
        Raises ``TooManyKeys``, ``InvalidInput`` for an end that has come already.
        """
        if new.expires_us is not None and new.expires_us <= self._clock.now_us():
            raise InvalidInput(errors=[{"pointer": "/expires_at", "detail": "Must lie in the future."}])
        text = new_key(seed.hex[:12] if seed else new_id())
        while (made := self._create(text, new, by, anew=seed is not None)) == _TAKEN:
            text = new_key(new_id())
        if not made:
            raise TooManyKeys()
        return self.get(id_of(text)), text

    def _create(self, text: str, new: NewKey, by: Actor, *, anew: bool) -> int:
        return int(
            self._run(
                "create_key",
                id=id_of(text),
                tenant=new.tenant,
                tenant_id=str(tenant_id(new.tenant)),
                digest=digest(text),
                label=new.name,
                scopes=",".join(in_order(new.scopes)),
                expires_us="" if new.expires_us is None else new.expires_us,
                most=MAX_KEYS,
                creator=by.name,
                anew=int(anew),
                actor=argument(by),
            )
        )

    def get(self, key_id: str) -> ApiKey:
        """One key. Raises ``NotFound``."""
        with redis_errors():
            values = self._redis.hmget(self._keys.api_key(_checked(key_id)), SHOWN)
        if values[0] is None:
            raise _missing()
        return api_key(values, self._clock.now_us())

    def page(self, *, limit: int, offset: int, tenant: str = "") -> tuple[list[ApiKey], int]:
        """A part of all keys, or of a tenant's, newest first, and how many there are in all."""
        index = self._keys.api_keys_of(tenant) if tenant else self._keys.api_keys()
        with redis_errors():
            with self._redis.pipeline(transaction=True) as reads:
                reads.zrevrange(index, offset, offset + limit - 1)
                reads.zcard(index)
                ids, total = reads.execute()
            with self._redis.pipeline(transaction=False) as reads:
                for each in ids:
                    reads.hmget(self._keys.api_key(each), SHOWN)
                found: list[Any] = reads.execute()
        now = self._clock.now_us()
        return [api_key(values, now) for values in found if values[0]], total

    def rotate(self, key_id: str, overlap_seconds: int, by: Actor) -> tuple[str, str]:
        """The new text, told this once, and the moment until which the former one is valid too. Raises ``NotFound``."""
        text = new_key(_checked(key_id))
        overlap_us = overlap_seconds * 1_000_000
        until = self._run("rotate_key", id=key_id, digest=digest(text), overlap_us=overlap_us, actor=argument(by))
        if not until:
            raise _missing()
        return text, to_rfc3339(int(until))

    def revoke(self, key_id: str, by: Actor) -> None:
        """Ends a key: no process takes it from now on. Raises ``NotFound``."""
        if not self._run("revoke_key", id=_checked(key_id), actor=argument(by)):
            raise _missing()

    def _run(self, name: str, **values: Any) -> Any:
        with redis_errors():
            return self._scripts[name](self._pool, prefix=self._keys.prefix, **values)


def _checked(key_id: str) -> str:
    if not is_id(key_id):
        raise _missing()
    return key_id


def _missing() -> NotFound:
    return NotFound("There is no API key with this id.")
