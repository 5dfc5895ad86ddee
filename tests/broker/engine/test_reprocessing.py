"""Guards operations that transcode videos again: each video gets one task, and the counts are exact."""

import uuid
from typing import Any

import pytest

from broker.access.audit_log import AuditLog
from broker.access.audit_log import Wanted as Changes
from broker.actor import Actor
from broker.engine.scripts import Script
from broker.errors import InvalidInput, TooManyOperations
from broker.operations.operations import Action, Operation, Operations
from broker.operations.reprocessing_steps import HowAgain, Videos
from broker.task import Task
from broker.tasks.task_filters import Wanted
from tests.broker.engine.engine import START, Engine
from tests.broker.engine.operating import operations_of, put_video

TYPE = "VideoTranscoding"
PLAIN = HowAgain({})
MANY = 230


@pytest.fixture
def operations(engine: Engine) -> Operations:
    engine.declare(TYPE)
    return operations_of(engine)


def upload(engine: Engine, count: int = 1, *, tenant: str = "acme", at: int = START - 10**9, **given: Any) -> list[str]:
    """Videos that play, one in each microsecond from ``at``."""
    return [put_video(engine.redis, engine.keys, tenant, at + number, **given) for number in range(count)]


def begin(operations: Operations, videos: Videos = Videos(), how: HowAgain = PLAIN, **options: Any) -> Operation:  # noqa: B008
    return operations.reprocess("acme", videos, {"as": "asked"}, how, **options)


def finish(operations: Operations, operation: Operation) -> Operation:
    """As the daemon goes on with it."""
    while operations.step(operation.id):
        pass
    return operations.get("acme", operation.id)


def counts(operation: Operation) -> tuple[int, int, int, int]:
    return operation.matched, operation.done, operation.skipped, operation.failed


def tasks(engine: Engine, tenant: str = "acme") -> list[Task]:
    return engine.queries.page(tenant, Wanted(types=(TYPE,)), limit=1000, offset=0).tasks


def transcoded(engine: Engine) -> list[str]:
    return sorted(str(each.payload["video_id"]) for each in tasks(engine))


def test_each_video_gets_one_task_as_it_was_asked_for(engine: Engine, operations: Operations) -> None:
    videos = upload(engine, MANY)
    upload(engine, 3, kind="audio", info={})
    upload(engine, 2, tenant="rival")
    how = HowAgain({"profile": "small"}, background=False, tags=["again"])
    operation = begin(operations, how=how)
    assert (operation.action, operation.status, operation.candidates) == (Action.REPROCESS, "running", MANY)
    assert operation.how == how
    assert 0 < operation.examined == operation.done < MANY
    ended = finish(operations, operation)
    assert (ended.status, ended.examined, counts(ended)) == ("completed", MANY, (MANY, MANY, 0, 0))
    assert operations.open() == []
    assert transcoded(engine) == sorted(videos)
    assert tasks(engine, "rival") == []
    one = tasks(engine)[0]
    assert (one.payload["profile"], one.background, one.tags) == ("small", False, ["again"])
    assert not engine.redis.hget(engine.keys.job(one.id), "trace")
    engine.check()


def test_why_a_video_is_left_out_is_counted(engine: Engine, operations: Operations) -> None:
    upload(engine, 2)
    upload(engine, 3, info={})
    upload(engine, 4, source_removed_at="2024-01-01T00:00:00.000000Z")
    assert begin(operations).reasons == {"not_transcoded": 3, "source_removed": 4}
    again = begin(operations)
    assert counts(again) == (9, 0, 9, 0)
    assert again.reasons == {"not_transcoded": 3, "source_removed": 4, "in_progress": 2}
    assert len(tasks(engine)) == 2


def test_which_videos(engine: Engine, operations: Operations) -> None:
    at = START - 10**9
    videos = upload(engine, 5, at=at)
    audio, foreign = upload(engine, kind="audio", info={})[0], upload(engine, tenant="rival")[0]
    for which, number in (
        (Videos(first=at + 2), 3),
        (Videos(last=at + 2), 3),
        (Videos(first=at + 1, last=at + 2), 2),
        (Videos(first=at + 10), 0),
        (Videos(ids=(videos[0], audio, foreign, str(uuid.uuid4()))), 1),
    ):
        assert counts(begin(operations, which, dry_run=True)) == (number, number, 0, 0)
    begin(operations, Videos(first=at + 1, last=at + 2))
    assert transcoded(engine) == sorted(videos[1:3])


def test_many_ids_are_taken_step_by_step(engine: Engine, operations: Operations) -> None:
    videos = upload(engine, MANY)
    operation = finish(operations, begin(operations, Videos(ids=tuple(videos[:220]))))
    assert (operation.candidates, operation.done) == (220, 220)
    assert transcoded(engine) == sorted(videos[:220])


def test_a_dry_run_counts_and_changes_nothing(engine: Engine, operations: Operations) -> None:
    videos = upload(engine, 120)
    begin(operations, Videos(ids=tuple(videos[:3])))
    before = transcoded(engine)
    counted = finish(operations, begin(operations, dry_run=True))
    assert (counts(counted), counted.reasons) == ((120, 117, 3, 0), {"in_progress": 3})
    assert transcoded(engine) == before


def test_videos_that_come_later_are_left_alone(engine: Engine, operations: Operations) -> None:
    upload(engine, MANY)
    operation = begin(operations)
    engine.advance(1)
    upload(engine, 5, at=engine.now)
    assert finish(operations, operation).done == MANY


def test_videos_of_one_microsecond_are_all_found(engine: Engine, operations: Operations) -> None:
    at = START - 10**9
    for _ in range(MANY):
        upload(engine, at=at)
    assert finish(operations, begin(operations)).done == MANY
    assert len(set(transcoded(engine))) == MANY


class TestBreakingOff:
    def test_whoever_goes_on_makes_each_task_once(self, engine: Engine, operations: Operations) -> None:
        """Each step by another process, some of which read the same place, or repeat a call whose reply was lost."""
        videos = upload(engine, MANY)
        operation, step = begin(operations), engine.store.step_reprocessing

        def twice(*args: Any, **told: Any) -> Any:
            answer = step(*args, **told)
            assert step(*args, **told)[1:] == ("stale", [])
            return answer

        other = operations_of(engine)
        other._reprocessing._store.step_reprocessing = twice  # type: ignore[method-assign]
        ended = finish(other, operation)
        assert (ended.status, counts(ended)) == ("completed", (MANY, MANY, 0, 0))
        assert transcoded(engine) == sorted(videos)

    def test_a_task_that_has_ended_meanwhile_is_not_made_again(self, engine: Engine, operations: Operations) -> None:
        upload(engine, MANY)
        operation = begin(operations)
        for each in tasks(engine):
            engine.store.cancel(each.id, "acme", force=False)
        assert finish(operations, operation).done == MANY
        assert len(tasks(engine)) == MANY

    def test_one_that_was_cancelled_makes_no_more(self, engine: Engine, operations: Operations) -> None:
        upload(engine, MANY)
        operation = operations.cancel("acme", begin(operations).id)
        assert operation.status == "cancelled"
        assert operations.open() == []
        assert not operations.step(operation.id)
        assert len(tasks(engine)) == operation.done < MANY

    def test_one_that_was_lost_is_forgotten(self, engine: Engine, operations: Operations) -> None:
        engine.redis.zadd(engine.keys.reprocessings_open(), {"nothing": 1})
        assert not operations.step("nothing")
        assert operations.open() == []


class TestRoom:
    @pytest.mark.parametrize(
        ("bounds", "why"), [("25", "queue_full"), ("0 waiting_tasks=25", "quota_exceeded")], ids=["queue", "quota"]
    )
    def test_it_waits_for_room_and_goes_on(self, engine: Engine, bounds: str, why: str) -> None:
        engine.declare(TYPE)
        operations = operations_of(engine, bounds)
        upload(engine, 40)
        operation = begin(operations)
        while operations.step(operation.id):
            pass
        waits = operations.get("acme", operation.id)
        assert (waits.status, waits.waits_for, waits.done) == ("running", why, 25)
        assert operations.open() == [operation.id]
        for each in tasks(engine):
            engine.store.cancel(each.id, "acme", force=False)
        ended = finish(operations, operation)
        assert (ended.status, ended.waits_for, counts(ended)) == ("completed", None, (40, 40, 0, 0))

    def test_nobody_is_counted_as_refused(self, engine: Engine) -> None:
        engine.declare(TYPE)
        operations = operations_of(engine, "1")
        upload(engine, 3)
        begin(operations)
        counted = Script("read_counts", clock="clock_test")(engine.redis, prefix=engine.keys.prefix)
        assert f"{TYPE} submitted" in counted
        assert [each for each in counted if "refused" in each] == []


class TestAsking:
    def test_options_that_no_task_can_have_are_refused_before_it_begins(self, operations: Operations) -> None:
        with pytest.raises(InvalidInput):
            begin(operations, how=HowAgain({"profile": 1}))
        assert operations.page("acme", limit=10, offset=0) == ([], 0)

    def test_a_video_whose_task_is_refused_by_another_release_stops_no_other(
        self, engine: Engine, operations: Operations, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        videos = upload(engine, 3)
        check = operations._reprocessing._check

        def refuse(new: Any) -> Any:
            if new.payload["video_id"] == videos[1]:
                raise InvalidInput
            return check(new)

        monkeypatch.setattr(operations._reprocessing, "_check", refuse)
        ended = begin(operations)
        assert (counts(ended), ended.reasons) == ((3, 2, 0, 1), {"invalid_content": 1})

    def test_it_counts_as_one_of_ten(self, engine: Engine, operations: Operations) -> None:
        upload(engine, MANY)
        for _ in range(10):
            begin(operations, dry_run=True)
        with pytest.raises(TooManyOperations):
            begin(operations)

    def test_the_audit_log_tells_how(self, engine: Engine, operations: Operations) -> None:
        upload(engine, 1)
        begin(operations, how=HowAgain({"profile": "small"}), by=Actor("key-1", "acme"))
        entries, _ = AuditLog(engine.redis, engine.keys).page(Changes(), limit=10)
        assert [each.action for each in entries] == ["operation.completed", "operation.created"]
        assert entries[1].after == {
            "action": "reprocess",
            "filter": {"as": "asked"},
            "force": False,
            "how": {"options": {"profile": "small"}, "background": True, "tags": []},
        }
