"""Searching from the terminal."""

from broker.broker import Broker
from tests.scripts.cli.conftest import Mindia


def test_how_far_a_new_model_is(mindia: Mindia, broker: Broker) -> None:
    keys, redis = broker.keys, broker.redis
    redis.hset(keys.vectors("ops", "old+1"), mapping=dict.fromkeys("abc", "image 1\n1"))
    redis.hset(keys.vectors("ops", "new+2"), "a", "image 1\n1")
    redis.sadd(keys.vector_models("ops"), "old+1", "new+2")
    state = {"active": "old+1", "wanted": "new+2", "since": 1, "walked_at": 2, "made": 1}
    redis.hset(keys.generation("ops"), mapping=state)
    redis.zadd(keys.generation_missing("ops"), {"b": 0, "c": 5})
    said = mindia("search", "--status")
    assert said.status == 0
    rows = [line.split()[:3] for line in said.out.splitlines()]
    assert ["new+2", "next", "1"] in rows
    assert ["old+1", "active", "3"] in rows
    assert "1 of 3 files, 2 missing, 0 failed, about" in said.err + said.out


def test_words_are_needed_otherwise(mindia: Mindia) -> None:
    assert mindia("search").status == 2
