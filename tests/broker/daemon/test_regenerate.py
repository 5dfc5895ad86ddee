"""Guards that a new model has everything embedded in the background, a few at a time, and is told of what failed."""

import json

import pytest
from redis import Redis

from broker.broker import Broker
from broker.daemon import regenerate
from broker.daemon.regenerate import TYPE, Regenerate
from broker.media.vectors import RedisVectors
from broker.status import Status
from broker.task import NewTask
from broker.task_type import TaskType
from handlers.embedding.task import EMBEDDING_GENERATION
from tests.gateway import work
from tests.search_fixtures import Make, NewMedia, make, new_media, vectors

__all__ = ["make", "new_media", "vectors"]


@pytest.fixture
def types() -> dict[str, TaskType]:
    return {TYPE: EMBEDDING_GENERATION}


@pytest.fixture
def redis(broker: Broker) -> Redis:
    return broker.redis


@pytest.fixture
def chore(broker: Broker) -> Regenerate:
    return Regenerate(broker.redis, broker.keys, broker.generations, broker.tasks, keep_days=7)


@pytest.fixture
def media(make: Make, new_media: NewMedia, vectors: RedisVectors, broker: Broker, chore: Regenerate) -> list[str]:
    """Eight files of the former generation; there are workers of the new one alone."""
    make("m+1")
    found = [new_media() for _ in range(8)]
    for each in found:
        vectors.put("acme", "m+1", "image", each, [b"1"])
    chore.tick()
    make("m+2")
    broker.redis.hset(broker.keys.limits(TYPE), "level", EMBEDDING_GENERATION.burst * 10**9)  # the bucket is full
    return found


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Workers are looked at in each tick, and ends as soon as they are there."""
    monkeypatch.setattr(regenerate, "_WORKERS", 0)
    monkeypatch.setattr(regenerate, "_SETTLES", 0)


def look(broker: Broker, chore: Regenerate) -> None:
    """A tick in which the tenant's turn has come."""
    broker.redis.zadd(broker.keys.generations_due(), {"acme": 0})
    chore.tick()


def test_tasks_wait_in_the_background_and_leave_half_of_the_starts_to_uploads(
    broker: Broker, chore: Regenerate, media: list[str]
) -> None:
    look(broker, chore)
    look(broker, chore)
    tasks = broker.tasks.page("acme").tasks
    assert len(tasks) == EMBEDDING_GENERATION.burst // 2
    assert all(task.background and task.status is Status.PENDING for task in tasks)
    assert {task.payload["generation"] for task in tasks} == {"m+2"}
    assert {task.payload["entity_id"] for task in tasks} < set(media)
    upload, _ = broker.tasks.submit("acme", NewTask(TYPE, {"entity_type": "image", "entity_id": media[0]}))
    assert work.start(broker)[0].id == upload.id


def test_it_goes_on_until_all_are_done_and_then_switches(
    broker: Broker, chore: Regenerate, media: list[str], vectors: RedisVectors
) -> None:
    broker.queues.configure(TYPE, rate=None)
    look(broker, chore)
    bad, empty, cancelled, *_ = [media_id for media_id, _ in broker.generations.handed("acme", 20)]
    tasks = {task.payload["entity_id"]: task.id for task in broker.tasks.page("acme").tasks}
    broker.tasks.cancel("acme", tasks[cancelled])
    for _ in range(len(media) - 1):
        claimed, claim = work.start(broker)
        nothing = claim._replace(execution="")
        media_id = json.loads(claimed.payload)["entity_id"]
        if media_id == bad:
            broker.transitions.fail(claimed.id, claim.execution, "not a picture", "", None, nothing)
            continue
        if media_id != empty:
            vectors.put("acme", "m+2", "image", media_id, [b"2"])
        broker.transitions.finish(claimed.id, claim.execution, '{"model": "m+2"}', nothing)
    assert broker.generations.progress("acme").active == "m+1"
    look(broker, chore)
    look(broker, chore)
    progress = broker.generations.progress("acme")
    assert (progress.active, progress.done, progress.missing, progress.failed) == ("m+2", 5, 0, 3)
    told = {each["entity_id"]: each["error"] for each in progress.failures}
    assert told[bad] == "not a picture"
    assert told[cancelled] == "Its task was cancelled."
    assert "nothing in it" in told[empty]


def test_a_task_that_a_worker_of_another_generation_ran_or_that_is_lost_comes_again(
    broker: Broker, chore: Regenerate, media: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    look(broker, chore)
    ended = work.complete(broker, {"model": "m+1", "vectors": 0})
    lost = broker.tasks.page("acme").tasks[0].id
    for task in broker.tasks.page("acme").tasks:
        if task.id == lost:
            broker.redis.zrem(broker.keys.index("acme", TYPE), lost)
            broker.redis.delete(broker.keys.job(lost))
    look(broker, chore)
    assert broker.generations.progress("acme").tasks == 5, "not at once"
    monkeypatch.setattr(regenerate, "_AGAIN", 0)
    monkeypatch.setattr(chore, "_room", lambda: 10)
    look(broker, chore)
    again = {task.payload["entity_id"] for task in broker.tasks.page("acme").tasks if task.status is Status.PENDING}
    assert again == set(media)
    assert ended not in {task.id for task in broker.tasks.page("acme").tasks if task.status is Status.PENDING}


def test_a_full_queue_is_waited_for(broker: Broker, chore: Regenerate, media: list[str]) -> None:
    broker.queues.configure(TYPE, rate=None)
    broker.tasks.settings = broker.tasks.settings.__class__(broker.settings.redis_url, max_pending=3)
    look(broker, chore)
    assert broker.tasks.page("acme").total == 0
    assert broker.generations.progress("acme").missing == len(media)
