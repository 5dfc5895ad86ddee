"""Variables that say where something is."""

import errno
import socket
from ipaddress import ip_address
from urllib.parse import unquote, urlsplit

from redis import Redis
from redis.connection import ConnectionPool, parse_url

from broker.environment.converters import Setting, Text
from broker.environment.sentinels import FORM, SCHEMES, Sentinels, sentinels

_FORM = "redis://:password@host:6379/0, with percent codes for what is special in the password"


class RedisUrl(Setting):
    """What redis-py understands. The message shows nothing of it, since it holds the password."""

    def convert(self, text: str) -> str:
        if not text.startswith(("redis://", "rediss://", "unix://", *(f"{each}://" for each in SCHEMES))):
            raise ValueError("must begin with redis://, rediss://, unix://, redis+sentinel:// or rediss+sentinel://")
        try:
            asked = sentinels(text)
        except ValueError as error:
            raise ValueError(f"cannot be read ({error}); write it as {FORM}") from None
        _check(asked, asked.url if asked else text, FORM if asked else _FORM)
        return text


def _check(asked: Sentinels | None, url: str, form: str) -> None:
    try:
        parse_url(url)
    except ValueError:
        raise ValueError(f"cannot be read; write it as {form}") from None
    if not _has_database(url):
        raise ValueError(f"must name the database by its number; write it as {form}")
    try:  # what the options make, and is not connected
        ConnectionPool.from_url(url).make_connection()
        if asked:
            Redis(**asked.options).connection_pool.make_connection()
    except Exception:  # an option may break anything in redis-py: TypeError, AttributeError, its own errors
        raise ValueError(f"has an option that redis-py does not know, or no such value; write it as {form}") from None


def _has_database(url: str) -> bool:
    """Whether it is a number, or left out. redis-py takes any other word for the first database."""
    path = "" if url.startswith("unix://") else unquote(urlsplit(url).path).replace("/", "")
    return (not path or (path.isascii() and path.isdecimal())) and parse_url(url).get("db", 0) >= 0


class Host(Text):
    """A name or an address; an IPv6 address may stand in brackets, and has none as a value."""

    def convert(self, text: str) -> str:
        return super().convert(text).removeprefix("[").removesuffix("]")


class PublicUrl(Text):
    """Where paths are appended."""

    def convert(self, text: str) -> str:
        url = super().convert(text).rstrip("/")
        try:
            parts = urlsplit(url)
            possible = bool(parts.hostname) and parts.port != 0
        except ValueError:  # brackets of no address, a port above all
            possible = False
        if not possible:
            raise ValueError(
                "write it as https://tasks.example.com, with a host that can be one and no port but 1 to 65535"
            )
        return url


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches the address."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def is_nowhere(error: OSError) -> bool:
    """Whether nothing could ever listen at the address that caused the error: no such name, not here, not allowed."""
    return isinstance(error, socket.gaierror) or error.errno in (errno.EADDRNOTAVAIL, errno.EACCES)


def in_url(host: str) -> str:
    """The host as it stands in a URL: an IPv6 address in brackets."""
    return f"[{host}]" if ":" in host else host
