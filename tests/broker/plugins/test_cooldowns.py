"""Guards that a service's wish to be left alone is known to all workers, for as long as it said last."""

from redis import Redis

from broker.engine.keys import Keys
from broker.plugins.cooldowns import Cooldowns


def test_a_hold_is_seen_by_all_and_by_its_name_alone(redis: Redis) -> None:
    keys = Keys("rq")
    Cooldowns(redis, keys).start("assembly_ai:", 17)
    assert 0 < Cooldowns(redis, keys).left("assembly_ai:") <= 17
    assert Cooldowns(redis, keys).left("assembly_ai:acme") == 0
    assert Cooldowns(redis, Keys("other")).left("assembly_ai:") == 0


def test_the_latest_word_counts(redis: Redis) -> None:
    cooldowns = Cooldowns(redis, Keys("rq"))
    cooldowns.start("p:", 3600)
    cooldowns.start("p:", 5)
    assert 0 < cooldowns.left("p:") <= 5


def test_it_ends_by_itself(redis: Redis) -> None:
    cooldowns = Cooldowns(redis, Keys("rq"))
    cooldowns.start("p:", 0)
    assert cooldowns.left("p:") < 0.01
