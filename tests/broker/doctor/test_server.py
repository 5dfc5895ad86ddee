"""Guards what the server decides: a full one refuses new work and ends old, a forgetful one is taught the scripts
again, times are its own, and the release check tells a bad configuration.
"""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from fakeredis import FakeStrictRedis
from hypothesis import given, settings
from hypothesis import strategies as st
from redis import Redis
from redis.exceptions import OutOfMemoryError

from broker.broker import Broker
from broker.clock import to_rfc3339
from broker.config import BrokerSettings
from broker.doctor.server import check
from broker.engine.keys import Keys
from broker.engine.scripts import Script, library
from broker.engine.transitions import Transitions
from broker.tasks.submission import options
from tests.broker.engine.engine import LEASE, SECOND, Engine
from tests.scale import examples


class TestFull:
    pytestmark = pytest.mark.parametrize("redis", ["valkey"], indirect=True)

    @pytest.fixture
    def full(self, engine: Engine) -> Iterator[Engine]:
        """An engine with work in every state, then no byte of memory left."""
        for _ in range(8):
            engine.submit()
        engine.submit(delay_us=SECOND)
        engine.store.register_worker("w1", ttl=30, queues="Noop", fields={"pid": 1})
        engine.redis.config_set("maxmemory", 1)
        yield engine
        engine.redis.config_set("maxmemory", 0)

    def test_new_work_is_refused_whole(self, full: Engine) -> None:
        before = full.state()
        with pytest.raises(OutOfMemoryError):
            full.submit(unique_key="k")
        assert full.state() == before

    def test_old_work_is_finished(self, full: Engine) -> None:
        engine = full
        engine.finish(engine.start())
        engine.fail(engine.start(), delay=0)
        engine.fail(engine.start())
        engine.release(engine.start(), crashed=True)
        run = engine.start()
        engine.renew(run, progress="{}")
        engine.store.remember(run.id, run.execution, {"a": 1})
        engine.store.cancel(run.id, "acme", force=True)
        engine.retry("task-3")
        engine.redis.config_set("maxmemory", 0)
        engine.advance(2)
        engine.redis.config_set("maxmemory", 1)
        engine.promote()
        engine.reap()
        engine.configure(rate="1000")
        engine.store.register_worker("w1", ttl=30, queues="Noop", fields={"pid": 1})
        engine.queries.page("acme")
        engine.reconcile.tick()
        assert engine.store.prune("Noop", "completed", retention_us=0) == 1
        engine.store.unregister_worker("w1", "Noop")
        engine.redis.config_set("maxmemory", 0)
        engine.check()

    def test_also_by_a_process_that_comes_when_it_is_full(self, full: Engine) -> None:
        """Its release is new, and the server has no room for its library."""
        full.redis.execute_command("FUNCTION", "FLUSH")
        run = full.start()
        assert full.renew(run) == []
        assert full.finish(run)[0] == "completed"
        with pytest.raises(OutOfMemoryError):
            full.submit()
        full.redis.config_set("maxmemory", 0)
        full.submit()
        full.check()


def test_a_server_that_forgot_the_scripts_gets_them_again(engine: Engine) -> None:
    engine.submit()
    for forget in ("SCRIPT FLUSH", "FUNCTION FLUSH"):
        if forget == "FUNCTION FLUSH" and isinstance(engine.redis, FakeStrictRedis):
            continue  # it knows no functions
        engine.redis.execute_command(*forget.split())
        engine.submit()
    assert len(engine.waiting()) == engine.redis.zcard(engine.keys.index("acme", "Noop"))


@pytest.mark.parametrize("redis", ["valkey"], indirect=True)
def test_two_releases_work_side_by_side(redis: Redis) -> None:
    """Each has a library of its own, named by its text; loading one leaves the other."""
    for clock in ("clock", "clock_test"):
        redis.set("test:now", 1)
        assert Script("census", clock=clock)(redis, prefix="rq", type_name="Noop")
    loaded = str(redis.function_list())
    assert library("clock")[0] in loaded
    assert library("clock_test")[0] in loaded


@pytest.mark.parametrize("redis", ["valkey"], indirect=True)
def test_times_are_the_servers(redis: Redis, keys: Keys) -> None:
    store = Transitions(redis, keys)
    store.declare("Noop=/1/")
    before = redis.time()
    store.submit("a", "t", "{}", options("Noop", 0, 0, 1), bounds=0)
    after = redis.time()
    us = int(redis.hget(keys.job("a"), "us") or 0)
    assert before[0] * SECOND + before[1] <= us <= after[0] * SECOND + after[1]


@pytest.mark.scales
@settings(max_examples=examples(60, 25), deadline=None)
@given(moment=st.integers(10**15, 2**53 - 10 * LEASE), took=st.integers(0, 10**12))
def test_times_are_written_and_read_to_the_microsecond(moment: int, took: int) -> None:
    """By the scripts' own calendar, compared with Python's, from 2001 to the end of what a double counts exactly."""
    engine = Engine(FakeStrictRedis(version=(6, 2), decode_responses=True), Keys("rq"))
    engine.declare()
    engine.now = moment
    task_id = engine.submit()
    assert engine.field(task_id, "created_at") == to_rfc3339(moment)
    run = engine.start()
    engine.now = min(moment + took, 2**53 - 5 * LEASE)
    engine.finish(run)
    assert engine.redis.hget(engine.keys.durations("acme"), "Noop") == str(engine.now - moment)


class TestCheck:
    def test_a_server_without_a_file_would_lose_tasks(self, broker: Broker, capsys: pytest.CaptureFixture[str]) -> None:
        assert check(broker) == 1
        said = "refused: the append-only file is off (appendonly no): a restart of the server loses tasks\n"
        assert capsys.readouterr().out == said

    def test_a_server_with_one_is_good(self, broker: Broker, capsys: pytest.CaptureFixture[str]) -> None:
        broker.redis.config_set("appendonly", "yes")
        try:
            assert check(broker) == 0
        finally:
            broker.redis.config_set("appendonly", "no")
        assert capsys.readouterr().out == "ok\n"

    def test_a_storage_that_cannot_be_used_is_told_with_its_cause(
        self, settings: BrokerSettings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        (tmp_path / "file").touch()
        url = f"file://{tmp_path}/file/media"
        assert check(Broker(replace(settings, storage_url=url), {})) == 1
        (line,) = [line for line in capsys.readouterr().out.splitlines() if "append-only" not in line]
        assert line.startswith(f"refused: {url}: The media storage cannot be used")
        assert "Not a directory" in line

    def test_it_is_refused_where_the_disk_must_confirm(
        self, settings: BrokerSettings, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert check(Broker(replace(settings, durability="fsync"), {})) == 1
        assert "refused: the append-only file is off" in capsys.readouterr().out

    def test_no_server_is_said_in_one_line(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        assert check(Broker(BrokerSettings("redis://127.0.0.1:1/0", data_dir=tmp_path), {})) == 3
        assert capsys.readouterr().out == "refused: 127.0.0.1:1: the connection is refused: nothing listens there\n"

    def test_a_replica_names_the_server_that_is_written_to(
        self, broker: Broker, capsys: pytest.CaptureFixture[str]
    ) -> None:
        broker.redis.replicaof("127.0.0.1", 1)
        try:
            assert check(broker) == 3
        finally:
            broker.redis.replicaof("NO", "ONE")
        (line,) = capsys.readouterr().out.splitlines()
        assert line.startswith("refused: 127.0.0.1:")
        assert line.endswith("it is a replica of 127.0.0.1:1: point REDIS_URL at what is written to")
