"""Connections to Redis: time-outs, repetition and what its failures mean to a caller."""

from redis import Redis
from redis.backoff import ExponentialBackoff
from redis.exceptions import ConnectionError, ReadOnlyError, RedisError
from redis.retry import Retry

from broker.engine.idle import Pool
from broker.engine.main_server import SentinelPool
from broker.engine.refusals import unavailable
from broker.environment.sentinels import sentinels

#: Seconds for one answer. No script comes near it; a stopped server is noticed by it.
SOCKET_TIMEOUT = 5.0
#: Seconds until a connection is made.
CONNECT_TIMEOUT = 2.0
#: After a lost connection; and where a server is only read from, since behind its name there may be another by now.
_REPEATED = (ConnectionError, ReadOnlyError)


def connect(
    url: str,
    *,
    decode_responses: bool = True,
    timeout: float = SOCKET_TIMEOUT,
    retries: int = 3,
    undecodable: str = "strict",
) -> "Redis":
    """A client for a whole process.

    It repeats a command after a lost connection, which every script allows, but not when the server hangs: whoever
    asked is told after one `timeout`. ``undecodable`` is the error handler for what is no UTF-8. A ``redis+sentinel``
    URL names whichever server is the main one when a connection is made.
    """
    asked = sentinels(url)
    pool = (SentinelPool if asked else Pool).from_url(
        asked.url if asked else url,
        **({"found_by": asked} if asked else {}),
        decode_responses=decode_responses,
        encoding_errors=undecodable,
        socket_timeout=timeout,
        socket_connect_timeout=min(CONNECT_TIMEOUT, timeout),
        retry=Retry(ExponentialBackoff(cap=0.5, base=0.02), retries=retries, supported_errors=_REPEATED),
    )
    return Redis.from_pool(pool)


class _RedisErrors:
    """What ``redis_errors`` returns: a generator in its place would cost more than it watches."""

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, RedisError) and (instead := unavailable(error)):
            raise instead from error


_redis_errors = _RedisErrors()


def redis_errors() -> _RedisErrors:
    """Turns Redis' failures into ``Unavailable``: whoever asked may try again, and nothing was done by halves."""
    return _redis_errors
