"""Connections to Redis: time-outs, repetition and what its failures mean to a caller."""

from redis import Redis
from redis.backoff import ExponentialBackoff
from redis.exceptions import ConnectionError, OutOfMemoryError, RedisError, ResponseError
from redis.retry import Retry

from broker.errors import Unavailable

#: Seconds for one answer. No script comes near it; a stopped server is noticed by it.
SOCKET_TIMEOUT = 5.0


def connect(url: str, *, decode_responses: bool = True, timeout: float = SOCKET_TIMEOUT) -> "Redis":
    """A client for a whole process.

    It repeats a command after a lost connection, which every script allows, but not when the server hangs: whoever
    asked is told after one `timeout`.
    """
    return Redis.from_url(
        url,
        decode_responses=decode_responses,
        socket_timeout=timeout,
        socket_connect_timeout=2.0,
        retry=Retry(ExponentialBackoff(cap=0.5, base=0.02), retries=3, supported_errors=(ConnectionError,)),
        health_check_interval=30,
    )


class _RedisErrors:
    """What ``redis_errors`` returns: a generator in its place would cost more than it watches."""

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, RedisError) and (unavailable := _unavailable(error)):
            raise unavailable from error


def _unavailable(error: RedisError) -> Unavailable | None:
    if isinstance(error, OutOfMemoryError):
        return Unavailable("The task store is full; running work is finished first.", retry_after=30)
    if not isinstance(error, ResponseError):
        return Unavailable("The task store cannot be reached right now.", retry_after=2)
    if any(word in str(error) for word in ("OOM", "MISCONF", "LOADING")):
        return Unavailable("The task store cannot take new work right now.", retry_after=30)
    if "WAITAOF" in str(error):
        return Unavailable("DURABILITY=fsync needs a server with an append-only file.", retry_after=60)
    return None


_redis_errors = _RedisErrors()


def redis_errors() -> _RedisErrors:
    """Turns Redis' failures into ``Unavailable``: whoever asked may try again, and nothing was done by halves."""
    return _redis_errors
