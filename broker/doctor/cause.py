"""Why Redis cannot be used, in words that say what to change."""

import socket
import ssl
from collections.abc import Iterator
from urllib.parse import unquote, urlsplit

from redis import RedisError
from redis.exceptions import ConnectionError, InvalidResponse, MovedError, TimeoutError

from broker.config import BrokerSettings
from broker.engine.connection import CONNECT_TIMEOUT, SOCKET_TIMEOUT
from broker.engine.main_server import NoMainServer
from broker.engine.refusals import unavailable, word_of
from broker.environment.sentinels import sentinels
from broker.errors import CannotKeep


def cause(settings: BrokerSettings, error: BaseException) -> str:
    """One line about ``error``, which is Redis', or was raised from one of Redis'. It never shows a password."""
    chain = list(_chain(error))
    theirs = next((each for each in chain if isinstance(each, RedisError)), None)
    system = next((each for each in chain if isinstance(each, OSError) and not isinstance(each, TimeoutError)), None)
    if theirs is None or isinstance(error, CannotKeep):
        return str(error)
    refusal = _refusal(settings, theirs)
    return f"{_place(settings)}: {refusal or (system and _of_the_system(system)) or _of_the_talk(settings, theirs)}"


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _place(settings: BrokerSettings) -> str:
    if asked := sentinels(settings.redis_url):
        return str(asked)
    url = urlsplit(settings.redis_url)
    return unquote(url.path) if url.scheme == "unix" else f"{url.hostname or 'localhost'}:{url.port or 6379}"


def _url(settings: BrokerSettings) -> str:
    """The server's own, whoever finds it."""
    asked = sentinels(settings.redis_url)
    return asked.url if asked else settings.redis_url


def _refusal(settings: BrokerSettings, error: RedisError) -> str:
    """What the server itself says."""
    word, prefix = word_of(error), settings.key_prefix
    if word == "WRONGPASS":
        user = urlsplit(_url(settings)).username or "default"
        return f"the password is wrong, or there is no user {user!r}: the server does not tell which ({error})"
    if word == "NOAUTH":
        return "the server asks for a password: write REDIS_URL as redis://USER:PASSWORD@HOST:PORT/0"
    if word == "NOPERM":
        return (
            f"the user lacks a right; python -m broker acl has all that are needed, on ~{prefix} ~{prefix}:* ({error})"
        )
    if isinstance(error, MovedError):
        return (
            f"this node of the cluster does not hold the keys of RQ_KEY_PREFIX={prefix}: "
            f"point REDIS_URL at {error.host}:{error.port}, which does"
        )
    if word == "CROSSSLOT":
        return f"the server is a cluster, and RQ_KEY_PREFIX={prefix} is no hash tag: set it to one such as {{tasks}}"
    if "DB index" in str(error):
        return f"the server has no database {urlsplit(_url(settings)).path.strip('/')!r}, which REDIS_URL ends with"
    told = unavailable(error)
    return f"{told.message} ({error})" if word and told else ""


def _of_the_system(error: OSError) -> str:
    """What the system says of the connection."""
    if isinstance(error, socket.gaierror):
        return f"the host's name is not resolved ({error.strerror})"
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"TLS: the server's certificate is not trusted: {error.verify_message}; name its CA in ?ssl_ca_certs="
    if isinstance(error, ssl.SSLError):
        return f"TLS: no agreement; a server that speaks no TLS is written redis:// ({error.reason or error})"
    if "handshake" in str(error):
        return "TLS: no answer to the handshake; a server that speaks no TLS is written redis://"
    if isinstance(error, ConnectionRefusedError):
        return "the connection is refused: nothing listens there"
    if isinstance(error, FileNotFoundError):
        return "there is no such socket"
    return ""


def _of_the_talk(settings: BrokerSettings, error: RedisError) -> str:
    """What the way in which the talk ended tells."""
    if isinstance(error, NoMainServer):
        return str(error)
    tls = settings.redis_url.startswith("rediss")
    other = "one that speaks no TLS (redis://)" if tls else "one that expects TLS (rediss://)"
    if isinstance(error, TimeoutError) and "connecting" in str(error):
        return f"no connection within {CONNECT_TIMEOUT:g} s: a wrong address, or a firewall ({error})"
    if isinstance(error, TimeoutError):
        return (
            f"connected, but no answer within {SOCKET_TIMEOUT:g} s: no Redis, {other}, or a server that hangs ({error})"
        )
    if isinstance(error, InvalidResponse):
        return f"what answers there is no Redis ({error})"
    if isinstance(error, ConnectionError):
        return f"the connection is closed: no Redis, {other}, or a server about to stop ({error})"
    return str(error)
