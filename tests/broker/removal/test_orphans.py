"""What nobody can ever use is found within the hour, and nothing that somebody still uses is touched."""

import time
from collections.abc import Iterator
from typing import Any

import pytest

from broker.captions.cues import Cue
from broker.clock import Clock, to_rfc3339
from broker.daemon.sweep import Sweep
from broker.errors import Unavailable
from broker.media import paths
from broker.media.storage import Aged
from broker.removal.orphans import AGE, Orphans
from broker.removal.ownership import doubt
from broker.removal.tombstones import Tombstones
from broker.task import NewTask
from tests.broker.removal.library import VARIANTS, Library
from tests.gateway.work import complete, fail

MEDIA_ID = "550e8400-e29b-41d4-a716-446655440000"
KEPT_US = 86_400_000_000
ORPHAN = f"acme/{MEDIA_ID}/source"


class Later:
    """The storage as if so much time had passed since its objects were stored."""

    def __init__(self, inner: Any, seconds: float = AGE + 1) -> None:
        self._inner, self._seconds = inner, seconds

    def walk(self) -> Iterator[Aged]:
        return (each._replace(seconds=each.seconds + self._seconds) for each in self._inner.walk())

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)


def orphans(library: Library) -> Orphans:
    tombstones = Tombstones(library.redis, library.keys)
    return Orphans(library.redis, library.keys, tombstones, library.broker.unfinished, keep_days=1)


def sweeper(library: Library, storage: Any) -> Sweep:
    return Sweep(library.redis, library.keys, orphans(library), lambda: storage, library.broker.uploads.live)


def sweep(library: Library, seconds: float = AGE + 1) -> None:
    """A whole round, so long after everything was stored, and what follows from it."""
    library.redis.delete(library.keys.sweeper())
    sweeper(library, Later(library.storage, seconds)).tick()
    library.settle()


@pytest.fixture(autouse=True)
def marked(request: pytest.FixtureRequest) -> None:
    """The broker has begun with an empty storage."""
    name = "any_library" if "any_library" in request.fixturenames else "library"
    library = request.getfixturevalue(name)
    assert doubt(library.redis, library.keys, library.storage) == ""


def mark(library: Library) -> set[str]:
    return {paths.broker_mark(str(library.redis.get(library.keys.life())))}


def test_bytes_of_an_upload_that_died_go_with_all_that_lies_beside_them(any_library: Library) -> None:
    library = any_library
    kept = library.made()
    for key in (ORPHAN, f"acme/{MEDIA_ID}/hls/master.m3u8", f"rival/{MEDIA_ID[:-1]}1/source"):
        library.put(key)
    sweep(library, AGE - 60)
    assert ORPHAN in library.objects(), "it may be an upload that goes on"
    sweep(library)
    assert library.objects() - mark(library) == {key for key in library.objects() if kept.id in key} != set()
    assert library.traces(kept) > set()


def test_the_work_of_a_transcoding_goes_when_no_task_goes_on_with_it(any_library: Library) -> None:
    library = any_library
    video = library.upload()
    key = paths.work("acme", video.id, "task", "digest", "00000.json")
    library.put(key)
    sweep(library)
    assert key in library.objects(), "its task is still to run"
    fail(library.broker)
    sweep(library)
    assert not [key for key in library.objects() if "/work/" in key]


def test_what_was_made_and_what_may_be_made_yet_stays(any_library: Library) -> None:
    library = any_library
    video = library.made(keep_source=False)
    library.plugin_done(video)
    library.plugin_file(video, library.plugin_task(video, "thumbnail", delay_seconds=600.0), "thumbnail")
    library.put(f"acme/{video.id}/mine/of-another-type")
    waiting = library.upload()
    library.put(paths.hls("acme", waiting.id, "360p/00001.m4s"))
    running = library.upload()
    library.put(paths.hls("acme", running.id, "360p/00001.m4s"))
    for _ in range(2):
        library.running()
    strange = ["acme/file", "README", "acme/not-a-media-id/source", f"acme/{MEDIA_ID}"]
    for key in strange[: 2 if "Local" in type(library.storage).__name__ else 4]:
        library.put(key)
    objects = library.objects()
    sweep(library)
    assert library.objects() == objects


def test_a_run_that_died_for_good_leaves_no_half_made_stream(any_library: Library) -> None:
    library = any_library
    record = library.upload()
    half = library.put(paths.hls("acme", record.id, "360p/00001.m4s"))
    sweep(library)
    assert half in library.objects(), "the task waits: its run replaces it, or goes on"
    fail(library.broker)
    sweep(library)
    assert library.objects() - mark(library) == {record.source_key}
    assert library.is_there(record)


def test_captions_that_no_video_tells_of(any_library: Library) -> None:
    library = any_library
    record = library.made()
    told = library.broker.captions.add("acme", record.id, [Cue(0, 1000, "Hello")], language="en", label="English")
    lost = library.put(paths.caption("acme", record.id, MEDIA_ID))
    objects = library.objects()
    sweep(library)
    assert library.objects() == objects - {lost}
    library.broker.captions.delete("acme", record.id, told.id)
    assert library.objects() == objects - {lost, paths.caption("acme", record.id, told.id)}


def test_a_former_version_of_a_video_goes_when_its_time_is_over(any_library: Library) -> None:
    library = any_library
    record = library.made()
    first = {key for key in library.objects() if "/hls/" in key}
    version, abandoned = MEDIA_ID, MEDIA_ID[:-1] + "1"
    second = {library.put(paths.hls("acme", record.id, f"{version}/{name}")) for name in ("master.m3u8", "360p/a.m3u8")}
    library.broker.tasks.submit("acme", NewTask("VideoTranscoding", {"video_id": record.id}))
    sweep(library)
    assert library.objects() >= first | second, "the task may be making the second"
    now = to_rfc3339(Clock().now_us())
    complete(library.broker, {}, record.id, variants=VARIANTS, stream=version, **{"replaced:": now})
    lost = library.put(paths.hls("acme", record.id, f"{abandoned}/master.m3u8"))
    sweep(library)
    assert library.objects() >= first | second
    assert lost not in library.objects()
    library.redis.hset(library.keys.media(record.id), "info:replaced:", f'"{to_rfc3339(Clock().now_us() - KEPT_US)}"')
    sweep(library)
    assert {key for key in library.objects() if "/hls/" in key} == second


def test_files_of_a_plugin_that_nobody_can_reach(library: Library) -> None:
    record = library.made()
    task_id, shown = library.plugin_done(record)
    failed_id = library.plugin_task(record)
    failed = library.plugin_file(record, failed_id)
    fail(library.broker)
    nobodys = library.plugin_file(record, "11111111-1111-4111-8111-111111111111")
    sweep(library)
    assert not {failed, nobodys} & library.objects()
    library.broker.transitions.prune("PluginExecution", "completed", retention_us=-2_000_000)
    sweep(library)
    assert shown in library.objects(), "the file's record still shows it"
    library.plugin_done(record)
    sweep(library)
    assert shown not in library.objects(), "neither a task nor the record does"
    assert task_id != failed_id


def test_a_source_that_came_back_after_it_was_removed(library: Library) -> None:
    record = library.made(keep_source=False)
    library.remover().tick()
    library.put(record.source_key)
    sweep(library)
    assert record.source_key not in library.objects()


def test_what_begins_to_be_used_while_it_is_judged_stays(library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    record = library.upload()
    half = library.put(paths.hls("acme", record.id, "360p/00001.m4s"))
    fail(library.broker)
    library.put(ORPHAN)
    judge = orphans(library)
    named = judge._unfinished.named

    def meanwhile(tenant: str, ids: Any) -> set[str]:
        found = named(tenant, ids)
        library.broker.tasks.submit("acme", NewTask("VideoTranscoding", {"video_id": record.id}))
        complete(library.broker, {}, record.id, variants=[])
        return found

    monkeypatch.setattr(judge._unfinished, "named", meanwhile)
    judge.remove(library.storage, Later(library.storage).walk(), alone=True)
    assert half in library.objects()


def test_an_upload_that_is_late_is_told_and_makes_no_record_without_bytes(library: Library) -> None:
    """Its gateway stood still for longer than an orphan's age, between the bytes and the record."""
    record = library.upload()
    library.redis.delete(library.keys.media(record.id), library.keys.job(record.task_id or ""))
    library.redis.zrem(library.keys.media_index("acme", "video"), record.id)
    for key in ("queue:VideoTranscoding", "broker:tasks:acme:VideoTranscoding"):
        library.redis.delete(f"rq:{key}")
    sweeper(library, Later(library.storage)).tick()
    again = NewTask("VideoTranscoding", {"video_id": record.id}, id=record.task_id)
    with pytest.raises(Exception, match="was deleted"):
        library.broker.tasks.submit("acme", again, media=record)


class TestOwnership:
    def test_files_of_another_broker_are_left_alone(self, library: Library, caplog: pytest.LogCaptureFixture) -> None:
        library.put("_brokers/17")
        library.put(ORPHAN)
        record = library.upload()
        half = library.put(paths.hls("acme", record.id, "360p/00001.m4s"))
        fail(library.broker)
        sweep(library)
        assert ORPHAN in library.objects()
        assert half not in library.objects(), "this broker's own record says that it is nobody's"
        assert "remove _brokers/17" in caplog.text
        library.storage.delete("_brokers/17")
        sweep(library)
        assert ORPHAN not in library.objects()

    def test_a_redis_that_was_emptied_knows_nothing_of_what_is_stored(self, library: Library) -> None:
        library.made()
        objects = library.objects()
        library.redis.flushall()
        library.broker.queues.declare()
        sweep(library)
        assert library.objects() == objects

    def test_a_storage_without_a_mark_is_taken_only_when_all_files_are_known(self, library: Library) -> None:
        (own,) = mark(library)
        library.storage.delete(own)
        library.put(ORPHAN)
        assert own in doubt(library.redis, library.keys, library.storage)
        sweep(library)
        assert library.objects() == {ORPHAN}
        library.storage.delete(ORPHAN)
        library.made()
        assert doubt(library.redis, library.keys, library.storage) == ""
        assert own in library.objects()


class TestRounds:
    def test_one_daemon_makes_a_round_and_rests(self, library: Library) -> None:
        first, second = (sweeper(library, library.storage) for _ in range(2))
        assert first.tick() == second.tick() == 30.0
        assert 0 < library.redis.ttl(library.keys.sweeper()) <= 600
        walks = []
        counted = Later(library.storage)
        counted.walk = lambda: walks.append(1) or iter(())  # type: ignore[method-assign, func-returns-value]
        sweeper(library, counted).tick()
        assert walks == [], "it was made just now"
        library.redis.delete(library.keys.sweeper())
        sweeper(library, counted).tick()
        assert walks == [1]

    def test_a_slice_is_bounded_and_the_next_goes_on(self, library: Library) -> None:
        """However many there are: the walk is read piece by piece, and nothing of it is kept."""
        read = []

        class Endless(Later):
            def walk(self) -> Iterator[Aged]:
                for number in range(1_000_000):
                    read.append(number)
                    yield Aged(f"acme/{MEDIA_ID}/hls/{number}.m4s", 0.0)

        sweep = sweeper(library, Endless(library.storage))
        began = time.monotonic()
        rests = [sweep.tick() for _ in range(3)]
        assert len(read) == 1500
        assert all(0 < rest < 4 * (time.monotonic() - began) for rest in rests)

    def test_a_storage_that_fails_fails_the_round_and_the_next_begins_anew(self, library: Library) -> None:
        class Broken(Later):
            def walk(self) -> Iterator[Aged]:
                raise Unavailable("away")

        library.put(ORPHAN)
        with pytest.raises(Unavailable):
            sweeper(library, Broken(library.storage)).tick()
        sweep(library)
        assert ORPHAN not in library.objects()
