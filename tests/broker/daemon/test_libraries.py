"""Guards that function libraries of other releases are removed, late, and that a release that still runs goes on."""

import pytest
from redis import Redis

from broker.clock import Clock
from broker.daemon.libraries import Libraries
from broker.engine.keys import Keys
from broker.engine.scripts import Script, library
from tests.broker.engine.engine import Engine

DAY = 86_400
FOREIGN = "#!lua name={name}\nredis.register_function('{name}_f', function() return 1 end)"


class Turned(Clock):
    seconds = 1_700_000_000

    def now_us(self) -> int:
        return self.seconds * 1_000_000


def names(redis: Redis) -> set[str]:
    return {each[1] for each in redis.function_list()}


@pytest.mark.parametrize("redis", ["valkey"], indirect=True)
def test_those_of_other_releases_go_after_a_day(redis: Redis, keys: Keys) -> None:
    redis.execute_command("FUNCTION", "FLUSH")
    Script("census")(redis, prefix="rq", type_name="Noop")
    for name in ("mindia_0123456789ab", "somebodys"):
        redis.function_load(FOREIGN.format(name=name))
    clock = Turned()
    chore = Libraries(redis, keys, clock)
    for _ in range(2):  # a daemon may be started anew every few hours
        Libraries(redis, keys, clock).tick()
        clock.seconds += DAY // 2 - 1
    chore.tick()
    assert names(redis) == {library()[0], "mindia_0123456789ab", "somebodys"}
    clock.seconds += 2
    chore.tick()
    assert names(redis) == {library()[0], "somebodys"}
    assert not redis.exists(keys.libraries())


@pytest.mark.parametrize("redis", ["valkey"], indirect=True)
def test_a_release_that_still_runs_loads_its_own_again(redis: Redis, keys: Keys) -> None:
    """The engine of the tests is one: its clock makes its library another."""
    engine, clock = Engine(redis, keys), Turned()
    engine.declare()
    for _ in range(2):
        Libraries(redis, keys, clock).tick()
        clock.seconds += DAY
    assert library("clock_test")[0] not in names(redis)
    engine.submit()
    assert engine.start().id == "task-1"
    assert library("clock_test")[0] in names(redis)


def test_a_server_without_functions_has_none(redis: Redis, keys: Keys) -> None:
    assert Libraries(redis, keys).tick() > 0
