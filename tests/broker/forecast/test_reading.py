"""Guards that a snapshot is what Redis holds, and that it is enough to foresee what the scripts do."""

import json
from typing import Any

import pytest

from broker.forecast.bucket import TOKEN
from broker.forecast.durations import Durations
from broker.forecast.machine import Machine
from broker.forecast.reading import SnapshotReader, queues_of
from broker.forecast.replica import Place
from broker.forecast.samples import Measured, measure, media_of
from broker.forecast.snapshot import Snapshot
from broker.forecast.standing import standings
from broker.media.records import MediaRecord, fields
from broker.task_type import TaskType
from tests.broker.engine.engine import SECOND, START, Engine, Run
from tests.conftest import AnyPayload

TYPES = {name: TaskType(name, AnyPayload, "m:f", typical_seconds=7.0) for name in ("Noop", "Other")}
MEASURED = {name: Measured(Durations((2.0,), 30), {}, None) for name in TYPES}


def read(engine: Engine, **arrivals: Any) -> Snapshot:
    reader = SnapshotReader(engine.redis, engine.keys, sorted(TYPES), clock="clock_test")
    snapshot, at_us = reader.read(MEASURED, arrivals)
    assert at_us == engine.now
    return snapshot


def enlist(engine: Engine, worker: str, types: str = "Noop") -> None:
    engine.store.register_worker(worker, ttl=30, queues=types, fields={"pid": 1})


@pytest.fixture
def measured(engine: Engine) -> Any:
    def of(name: str = "Noop") -> Measured:
        return measure(engine.redis, engine.keys, TYPES, queues_of(engine.redis, engine.keys, sorted(TYPES)))[name]

    return of


class TestSnapshot:
    @pytest.fixture(autouse=True)
    def _other(self, engine: Engine) -> None:
        engine.declare("Other", rate=2, burst=5, concurrency=3)

    def test_what_waits_by_level(self, engine: Engine) -> None:
        for priority in (0, 0, 7):
            engine.submit(priority=priority)
        levels = read(engine).types["Noop"].levels
        assert {level: lines.waiting for level, lines in levels.items()} == {0: 2, 7: 1}

    def test_limits_and_the_bucket_as_it_stands(self, engine: Engine) -> None:
        engine.configure("Other", burst="4")
        engine.advance(1.25)
        state = read(engine).types["Other"]
        assert (state.rate, state.burst, state.concurrency, state.paused) == (2000, 4, 3, False)
        assert state.bucket == 2.5 * TOKEN
        engine.advance(100)
        assert read(engine).types["Other"].bucket == 4 * TOKEN
        assert read(engine).types["Noop"].rate is None

    @pytest.mark.parametrize("how", ["paused", "suspended", "undeclared"])
    def test_what_starts_nothing(self, engine: Engine, how: str) -> None:
        if how == "paused":
            engine.configure(paused="1")
        if how == "suspended":
            engine.redis.set(engine.keys.suspended(), 1)
        if how == "undeclared":
            engine.redis.hdel(engine.keys.limits("Noop"), "declared")
        assert read(engine).types["Noop"].paused

    def test_workers_by_what_they_listen_to_and_what_they_run(self, engine: Engine) -> None:
        for worker, types in (("w1", "Noop"), ("w2", "Noop,Other"), ("w3", "Noop")):
            enlist(engine, worker, types)
        engine.submit(priority=3)
        run = engine.start("w2", "Noop,Other")
        engine.advance(4)
        engine.renew(run, progress=json.dumps({"percent": 25, "stage": "encode"}))
        snapshot = read(engine)
        groups = [(sorted(each.types), each.slots) for each in snapshot.workers]
        assert groups == [(["Noop"], 2), (["Noop", "Other"], 1)]
        (going,) = snapshot.running
        assert (going.type, going.level, going.workers, going.age, going.progress) == ("Noop", 3, 1, 4.0, 0.25)

    def test_a_worker_that_is_drained_takes_nothing_more(self, engine: Engine) -> None:
        enlist(engine, "w1")
        engine.submit()
        engine.start("w1")
        engine.redis.set(engine.keys.draining("w1"), 1)
        snapshot = read(engine)
        assert (snapshot.workers, snapshot.running[0].workers) == ((), None)

    def test_a_run_that_was_taken_away_is_none(self, engine: Engine) -> None:
        enlist(engine, "w1")
        engine.submit()
        engine.store.cancel(engine.start("w1").id, "acme", force=True)
        assert read(engine).running == ()

    def test_what_is_due_soon(self, engine: Engine) -> None:
        engine.submit(priority=2, delay_us=90 * SECOND)
        engine.submit(delay_us=3601 * SECOND)
        (due,) = read(engine).due
        assert (due.at, due.type, due.level) == (90.0, "Noop", 2)

    def test_it_is_enough_to_foresee_what_the_scripts_do(self, engine: Engine) -> None:
        """Of two types and a worker that is busy."""
        engine.configure("Other", burst="1")
        for name in ("Noop", "Other", "Noop", "Other"):
            engine.submit(name)
        enlist(engine, "w1", "Noop,Other")
        run = engine.start("w1", "Noop,Other")
        engine.advance(1.5)
        machine = Machine(read(engine), lambda *_: 2.0, [0.5])
        machine.run(10)
        foreseen = [(each.at, each.type) for each in machine.starts]
        now, seen = engine.now, []
        for seconds in (0.5, 2, 2):
            engine.advance(seconds)
            claim = engine.by("w1", "Noop,Other")
            _, claimed = engine.finish(run, claim)
            run = Run("w1", claim.execution, claimed)
            seen.append((engine.now - now, claimed.queue))
        assert foreseen == seen


class TestMeasured:
    def finish_one(self, engine: Engine, seconds: float, tenant: str = "acme", **fields: Any) -> None:
        engine.submit(tenant=tenant, **fields)
        run = engine.start()
        engine.advance(seconds)
        engine.finish(run)

    def test_nothing_ended_is_what_the_type_declares(self, measured: Any) -> None:
        found = measured().durations
        assert (found.runs, found.quantile(0.5)) == (0, 7.0)

    def test_seconds_of_ended_runs_of_all_levels(self, engine: Engine, measured: Any) -> None:
        for seconds, priority in ((3, 0), (1, 5), (2, 0)):
            self.finish_one(engine, seconds, priority=priority)
        assert measured().durations.points == (1.0, 2.0, 3.0)
        assert measured("Other").durations.runs == 0

    def test_a_tenant_has_its_own_once_there_are_enough(self, engine: Engine, measured: Any) -> None:
        for _ in range(20):
            self.finish_one(engine, 9, tenant="slow")
        self.finish_one(engine, 1, tenant="fast")
        assert {tenant: each.mean for tenant, each in measured().of_tenants.items()} == {"slow": 9.0}

    def test_per_second_of_the_recording_where_that_says_more(self, engine: Engine, measured: Any) -> None:
        for number, length in enumerate((10, 60, 600, 30, 3600)):
            media_id = f"550e8400-e29b-41d4-a716-44665544000{number}"
            info = {"duration_seconds": length}
            record = MediaRecord(media_id, "acme", "video", "a.mp4", "video/mp4", 1, "k", "t", info=info)
            engine.redis.hset(engine.keys.media(media_id), mapping=fields(record))
            self.finish_one(engine, length / 4, payload=json.dumps({"video_id": media_id}))
        ratios = measured().per_media_second
        assert ratios.mean == pytest.approx(0.25)
        assert ratios.runs == 5
        assert measured().per_byte is None  # all are one byte large, so that it says nothing

    def test_per_byte_of_the_file_while_nobody_knows_its_length(self, engine: Engine, measured: Any) -> None:
        for number, size in enumerate((10_000, 90_000, 500, 4_000, 70_000)):
            media_id = f"550e8400-e29b-41d4-a716-44665544000{number}"
            record = MediaRecord(media_id, "acme", "video", "a.mp4", "video/mp4", size, "k", "t")
            engine.redis.hset(engine.keys.media(media_id), mapping=fields(record))
            self.finish_one(engine, size / 1000, payload=json.dumps({"video_id": media_id}))
        found = measured()
        assert found.per_media_second is None
        assert found.per_byte.mean == pytest.approx(0.001)
        payload = {"video_id": "550e8400-e29b-41d4-a716-446655440001"}
        assert media_of(engine.redis, engine.keys, "acme", payload) == (None, 90_000)
        assert media_of(engine.redis, engine.keys, "rival", payload) == (None, None)

    def test_what_a_foreign_hand_has_spoilt_is_no_run(self, engine: Engine, measured: Any) -> None:
        self.finish_one(engine, 2)
        engine.redis.zadd(engine.keys.registry("finished", "Noop"), {"gone": 9e15})
        engine.redis.set(engine.keys.job("gone"), "no hash")
        assert measured().durations.points == (2.0,)


class TestStanding:
    def test_the_place_in_line(self, engine: Engine) -> None:
        ids = [engine.submit(priority=4) for _ in range(3)]
        places = [each.place for each in standings(engine.redis, engine.keys, ids) if each]
        assert places == [Place("Noop", 4, 1, "acme"), Place("Noop", 4, 2, "acme"), Place("Noop", 4, 3, "acme")]
        engine.start()
        assert standings(engine.redis, engine.keys, ids[:1]) == [None]
        (second,) = standings(engine.redis, engine.keys, ids[1:2])
        assert second
        assert second.place.position == 1

    def test_a_scheduled_task_will_stand_behind_what_waits(self, engine: Engine) -> None:
        engine.submit()
        task_id = engine.submit(delay_us=60 * SECOND)
        (found,) = standings(engine.redis, engine.keys, [task_id])
        assert found
        assert (found.place.position, found.due_us, found.tenant) == (2, START + 60 * SECOND, "acme")

    def test_what_is_not_there(self, engine: Engine) -> None:
        assert standings(engine.redis, engine.keys, ["nothing"]) == [None]
