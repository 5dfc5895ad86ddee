"""Ends the sleep of a worker child."""

from redis import Redis

from broker.engine.keys import Keys


def wake(redis: "Redis", keys: Keys, worker: str, ttl: int) -> None:
    """One that does not sleep finds its list emptied when it falls asleep; one that never does leaves it to expire."""
    with redis.pipeline(transaction=False) as writes:
        writes.rpush(keys.wake(worker), "1")
        writes.expire(keys.wake(worker), ttl)
        writes.execute()
