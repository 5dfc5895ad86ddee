"""What was made can be unmade: of a deleted file nothing is left, whatever dies in between, and however late it is."""

from itertools import count
from typing import Any

import pytest

from broker.errors import Deleted, NotFound, Unavailable
from broker.media import paths
from broker.media.parts import Part
from broker.media.records import MediaRecord
from broker.media.vectors import RedisVectors
from broker.removal.media import MediaRemoval
from broker.removal.remains import MOST, Remains
from broker.removal.tombstones import Tombstones
from broker.removal.unfinished_tasks import Unfinished
from broker.task import NewTask
from tests.broker.removal.fragile import Fragile, Fuse, Killed
from tests.broker.removal.library import Library

#: What legitimately stays, as its tasks do until their retention is over: their records and places, what counts and
#: lists them, the worker that ran them, and of vectors the note that they changed.
STAYS = ("job:", "finished:", "canceled:", "failed:", "queues", "worker:", "broker:tasks:", "broker:durations:",
         "broker:arrivals", "broker:groups", "broker:idle:", "broker:tenants", "broker:ready", "broker:shares:",
         "broker:limits:", "broker:usage:",
         "broker:vector_models:", "broker:vector_changes:", "broker:generations_due")  # fmt: skip


def embed(library: Library, record: MediaRecord) -> None:
    library.broker.vectors.put(
        record.tenant, "a-model", record.kind, record.id, [b"\0\0\0\0"], [Part("label", "a cat")]
    )


def full_video(library: Library) -> MediaRecord:
    """A video of which there is all that there can be; a task of it runs, others wait."""
    record = library.made(expires_at="2999-01-01T00:00:00.000000Z", keep_source=False)
    embed(library, record)
    library.plugin_done(record)
    library.plugin_file(record, library.plugin_task(record))
    library.running()
    library.plugin_task(record, delay_seconds=600.0)
    library.plugin_task(record, priority=3)
    return record


@pytest.mark.parametrize("kind", ["video", "image"])
def test_nothing_is_left_in_the_storage_or_in_redis(any_library: Library, kind: str) -> None:
    library = any_library
    other = library.upload()
    library.broker.tasks.cancel("acme", other.task_id or "")
    objects, before = library.objects(), library.state()
    if kind == "video":
        record = full_video(library)
    else:
        record = library.upload("image")
        library.running()
        embed(library, record)
    assert library.objects() > objects
    library.delete(record)
    assert library.objects() == objects, "what takes no time is done at once"
    assert not library.is_there(record)
    library.settle()
    after = library.state()
    assert library.objects() == objects
    changed = {
        key for key in before.values.keys() | after.values.keys() if before.values.get(key) != after.values.get(key)
    }
    assert {key for key in changed if not key.removeprefix("rq:").startswith(STAYS)} == set()
    assert not library.redis.exists(library.keys.vectors("acme", "a-model"))
    assert library.traces(record) <= {"rq:broker:vector_changes:acme:a-model"}


def test_its_tasks_are_cancelled_where_they_wait_and_stopped_where_they_run(library: Library) -> None:
    record, other = full_video(library), library.upload()
    unfinished = {task_id for page in library.broker.unfinished.naming("acme", [record.id]) for task_id, _ in page}
    assert len(unfinished) == 3
    library.delete(record)
    assert {library.status(task_id) for task_id in unfinished} == {"cancelled"}
    assert library.status(record.task_id or "") == "completed"
    assert library.status(other.task_id or "") == "pending"


def test_a_search_no_longer_finds_it(library: Library) -> None:
    record = library.upload("image")
    embed(library, record)
    vectors = library.broker.vectors
    version = vectors.version("acme", "a-model")
    library.delete(record)
    changes = vectors.changes("acme", "a-model", version)
    assert changes is not None
    assert (changes.deleted, changes.total) == ((record.id,), 0)
    with pytest.raises(NotFound):
        embed(library, record)


def test_it_is_the_tenants_own_and_of_its_kind_and_a_repeat_is_no_error_until_all_is_removed(library: Library) -> None:
    record = library.upload()
    for tenant, kind in (("rival", "video"), ("acme", "image")):
        with pytest.raises(NotFound):
            library.broker.media_removal.delete(tenant, kind, record.id)
    assert library.is_there(record)
    library.delete(record)
    library.delete(record)
    with pytest.raises(NotFound):
        library.broker.media_removal.delete("rival", "video", record.id)
    library.settle()
    with pytest.raises(NotFound):
        library.delete(record)


def fragile_removal(library: Library, fuse: Fuse) -> MediaRemoval:
    broker = library.broker
    store: Any = Fragile(broker.transitions, fuse)
    return MediaRemoval(store, broker.tasks.durability, fragile_remains(library, fuse))


def fragile_remains(library: Library, fuse: Fuse) -> Remains:
    tasks, redis, storage = (Fragile(each, fuse) for each in (library.broker.tasks, library.redis, library.storage))
    return Remains(tasks, Unfinished(redis, library.keys), lambda: storage)  # type: ignore[arg-type]


def test_killed_at_any_step_of_the_request_it_is_undone_or_finished_by_the_daemon(library: Library) -> None:
    for step in count():
        record = full_video(library)
        try:
            fragile_removal(library, Fuse(step)).delete("acme", "video", record.id)
        except Killed:
            if library.is_there(record):  # before the first script
                assert step == 0
                library.delete(record)
        else:
            assert step > 20, "there is nothing to be killed at"
            break
        finally:
            library.settle()
        assert library.traces(record) <= {"rq:broker:vector_changes:acme:a-model"}, step
        assert not [page for page in library.broker.unfinished.naming("acme", [record.id]) if page]


def test_killed_at_any_step_the_daemon_is_followed_by_another(any_library: Library) -> None:
    library = any_library
    for step in count():
        record = full_video(library)
        assert library.broker.transitions.delete_media(record.id, "acme", "video")
        fuse = Fuse(step)
        tombstones: Any = Fragile(Tombstones(library.redis, library.keys), fuse)
        killed = False
        try:
            library.remover(tombstones=tombstones, remains=fragile_remains(library, fuse)).tick()
        except Killed:
            killed = True
        library.pass_time(61)  # for which the dead one held it
        library.settle()
        assert library.traces(record) <= {"rq:broker:vector_changes:acme:a-model"}, step
        assert not [page for page in library.broker.unfinished.naming("acme", [record.id]) if page]
        if not killed:
            assert step > 20
            break


def test_what_a_stopped_run_still_writes_goes_too(library: Library) -> None:
    record = library.upload()
    library.running()
    library.delete(record)
    library.remover().tick()
    late = library.put(paths.hls("acme", record.id, "360p/00001.m4s"))
    library.pass_time(5)
    library.remover().tick()
    assert late in library.objects(), "not yet looked at again"
    library.pass_time(6)
    library.remover().tick()
    assert late not in library.objects()
    library.pass_time(20)
    library.put(late)
    library.remover().tick()
    assert library.redis.exists(library.keys.tombstone(record.id)), "a lease of then may still be alive"
    library.pass_time(3600)
    library.put(late)
    library.remover().tick()
    assert late not in library.objects()
    assert library.redis.exists(library.keys.tombstone(record.id)), "something came, so more may come"
    library.settle()


def test_a_task_that_is_submitted_meanwhile_leaves_nothing(library: Library) -> None:
    record = library.upload()
    library.delete(record)
    task_id = library.plugin_task(record)
    library.running()
    library.plugin_file(record, task_id)
    library.pass_time(11)
    library.remover().tick()
    assert library.status(task_id) == "cancelled"
    library.settle()
    assert library.traces(record) == set()


def test_an_upload_that_goes_on_while_its_file_is_deleted_makes_no_record(library: Library) -> None:
    """As one does whose first attempt was taken for dead."""
    record = library.upload()
    library.delete(record)
    again = NewTask("VideoTranscoding", {"video_id": record.id}, id=record.task_id)
    with pytest.raises(Deleted):
        library.broker.tasks.submit("acme", again, media=record)
    assert not library.is_there(record)


def test_thousands_of_files_go_in_slices(library: Library) -> None:
    record = library.made()
    for number in range(MOST + 5):
        library.put(paths.hls("acme", record.id, f"360p/{number}.m4s"))
    library.delete(record)
    assert 0 < len(library.objects()) < 20
    assert library.remover().tick() == 0.0
    assert library.objects() == set()


class _Broken:
    """A storage that is away, for all files or for one."""

    def __init__(self, inner: Any, only: str = "") -> None:
        self._inner, self._only = inner, only

    def delete(self, prefix: str, most: int | None = None) -> int:
        if self._only in prefix:
            raise Unavailable("away")
        return int(self._inner.delete(prefix, most))


def test_without_a_storage_it_is_deleted_all_the_same_and_the_daemon_says_what_it_waits_for(library: Library) -> None:
    bad, good = library.upload(), library.upload()
    broken: Any = _Broken(library.storage, bad.id)
    remains = Remains(library.broker.tasks, library.broker.unfinished, lambda: broken)
    for record in (bad, good):
        MediaRemoval(library.broker.transitions, library.broker.tasks.durability, remains).delete(
            "acme", "video", record.id
        )
        library.put(record.source_key)
        assert not library.is_there(record)
    with pytest.raises(Unavailable):
        library.remover(remains=remains).tick()
    assert library.objects() == {bad.source_key}, "one that cannot be removed holds up no other"
    assert library.remover(remains=remains).tick() > 0, "and is not tried again at once"
    library.pass_time(61)
    library.remover().tick()
    assert library.objects() == set()


def test_all_tasks_are_found_however_many_wait(library: Library) -> None:
    """Also where many were created in the same microsecond, which a page could break off in."""
    first, second = library.upload(), library.upload()
    batch = [
        NewTask("PluginExecution", {"plugin_name": "checksum", "media_id": record.id})
        for record in (first, second)
        for _ in range(500)
    ]
    for _ in range(3):
        library.broker.tasks.submit_many("acme", batch)
    index = library.keys.index("acme", "PluginExecution")
    low = library.redis.zrange(index, 0, 0, withscores=True)[0][1]
    library.redis.zadd(index, {task_id: low + 7 for task_id, _ in library.redis.zscan_iter(index)})
    pages = list(library.broker.unfinished.naming("acme", [first.id]))
    found = [task_id for page in pages for task_id, _ in page]
    assert len(found) == len(set(found)) == 1501
    assert library.broker.unfinished.named("acme", [first.id, second.id]) == {first.id, second.id}
    assert library.broker.unfinished.named("rival", [first.id]) == set()


@pytest.mark.parametrize("written", [str.upper, lambda text: text.replace("-", "")])
def test_an_id_counts_however_it_is_written(library: Library, written: Any) -> None:
    record = library.upload()
    payload = {"plugin_name": "checksum", "media_id": record.id}
    task_id = library.broker.tasks.submit("acme", NewTask("PluginExecution", payload))[0].id
    library.redis.hset(library.keys.job(task_id), "payload", f'{{"any":"{written(record.id)}"}}')
    assert library.broker.unfinished.named("acme", [record.id]) == {record.id}
    library.delete(record)
    assert library.status(task_id) == "cancelled"


def test_vectors_of_others_stay(library: Library) -> None:
    gone, kept = library.upload("image"), library.upload("image")
    for each in (gone, kept):
        embed(library, each)
    library.delete(gone)
    vectors = library.broker.vectors
    assert isinstance(vectors, RedisVectors)
    assert [each.entity_id for each in vectors.all("acme", "a-model")] == [kept.id]
