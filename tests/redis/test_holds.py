"""Guards that a service's wish to be left alone is known to all workers, for as long as it said last."""

from redis import Redis

from broker.engine.keys import Keys
from broker.plugins.cooldowns import Holds


def test_a_hold_is_seen_by_all_and_by_its_name_alone(redis: Redis) -> None:
    keys = Keys("rq")
    Holds(redis, keys).hold("assembly_ai:", 17)
    assert 16 < Holds(redis, keys).left("assembly_ai:") <= 17
    assert Holds(redis, keys).left("assembly_ai:acme") == 0
    assert Holds(redis, Keys("other")).left("assembly_ai:") == 0


def test_the_latest_word_counts(redis: Redis) -> None:
    holds = Holds(redis, Keys("rq"))
    holds.hold("p:", 3600)
    holds.hold("p:", 5)
    assert 4 < holds.left("p:") <= 5


def test_it_ends_by_itself(redis: Redis) -> None:
    holds = Holds(redis, Keys("rq"))
    holds.hold("p:", 0)
    assert holds.left("p:") < 0.01
