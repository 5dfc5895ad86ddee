"""Vectors of small numbers, media records to hang them on, and a search process that finds what a test says."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Event, Thread
from uuid import uuid4

import pytest
from redis import Redis

from broker.engine.keys import Keys
from broker.media.records import MediaRecord, fields
from broker.media.vectors import RedisVectors
from broker.search.found import Found
from broker.search.request import SearchRequest
from broker.search.server import SearchServer
from tests.waiting import PATIENCE

#: Makes a media record of a tenant and answers its id.
NewMedia = Callable[..., str]


@pytest.fixture
def vectors(redis_url: str, keys: Keys) -> Iterator[RedisVectors]:
    with Redis.from_url(redis_url) as client:
        yield RedisVectors(client, keys)


@pytest.fixture
def new_media(redis: Redis, keys: Keys) -> NewMedia:
    def make(tenant: str = "acme", kind: str = "image", filename: str = "picture.jpg") -> str:
        media_id = str(uuid4())
        record = MediaRecord(media_id, tenant, kind, filename, "image/jpeg", 1, "key", "2024-01-01T00:00:00.000000Z")
        redis.hset(keys.media(media_id), mapping=fields(record))
        redis.zadd(keys.media_index(tenant, kind), {media_id: 1_700_000_000_000_000 + redis.dbsize()})
        redis.sadd(keys.tenants(), tenant)
        return media_id

    return make


@contextmanager
def searching(server: SearchServer, answer: Callable[[SearchRequest], Found]) -> Iterator[None]:
    """A search process' loop in a thread of its own, which hears soon that it is to stop."""
    stop = Event()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("broker.search.server._BEAT", 0.05)
        thread = Thread(target=server.serve, args=(answer, stop))
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join(PATIENCE)
            assert not thread.is_alive()


#: Has one live worker for each of these generations, and no others.
Make = Callable[..., None]


@pytest.fixture
def make(redis: Redis, keys: Keys) -> Make:
    def workers(*generations: str) -> None:
        redis.delete(keys.workers())
        for generation in generations:
            key = keys.worker(generation)
            redis.hset(key, mapping={"state": "idle", "makes": f"{generation}\n/models/{generation}"})
            redis.sadd(keys.workers(), key)

    return workers


@contextmanager
def set_back(redis: Redis, *names: str) -> Iterator[None]:
    """What is done to these keys meanwhile is lost at the end, as after a crash of the server."""
    for name in names:
        redis.copy(name, f"{name}:before")
    yield
    redis.delete(*names)
    for name in names:
        if redis.exists(f"{name}:before"):
            redis.rename(f"{name}:before", name)
