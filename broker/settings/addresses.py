"""Variables that say where something is."""

import errno
import socket
from dataclasses import dataclass
from importlib.util import find_spec
from ipaddress import ip_address
from urllib.parse import unquote, urlsplit

from redis.connection import ConnectionPool, parse_url

from broker.settings.converters import Setting, Text

_STORAGES = "write file:///absolute/folder or s3://bucket/prefix"


class RedisUrl(Setting):
    """What redis-py understands. The message shows nothing of it, since it holds the password."""

    def convert(self, text: str) -> str:
        if not text.startswith(("redis://", "rediss://", "unix://")):
            raise ValueError("must begin with redis://, rediss:// or unix://")
        form = "redis://:password@host:6379/0, with percent codes for what is special in the password"
        try:
            parse_url(text)
        except ValueError:
            raise ValueError(f"cannot be read; write it as {form}") from None
        if not _has_database(text):
            raise ValueError(f"must name the database by its number; write it as {form}")
        try:
            ConnectionPool.from_url(text).make_connection()  # made of the options, and not connected
        except Exception:  # an option may break anything in redis-py: TypeError, AttributeError, its own errors
            raise ValueError(
                f"has an option that redis-py does not know, or no such value; write it as {form}"
            ) from None
        return text


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


class StorageUrl(Setting):
    """The storage's address as it is written, where there is such a storage."""

    def convert(self, text: str) -> str:
        if parse_storage_url(text).scheme == "s3" and find_spec("boto3") is None:
            raise ValueError("is on S3, which needs boto3: pip install 'mindia-tasks[s3]'")
        return text


@dataclass(frozen=True, slots=True)
class StorageAddress:
    """``scheme`` is ``file``, with a ``path`` alone, or ``s3``, whose ``path`` is the prefix of all keys."""

    scheme: str
    bucket: str
    path: str


def parse_storage_url(url: str) -> StorageAddress:
    """The parts of the URL. Raises ``ValueError`` for what is neither a folder nor a bucket."""
    try:
        parts = urlsplit(url)
    except ValueError:
        raise ValueError(f"cannot be read; {_STORAGES}") from None
    if parts.query or parts.fragment:
        raise ValueError(f"has a query or fragment; {_STORAGES}")
    if parts.scheme == "file" and parts.netloc in ("", "localhost") and parts.path not in ("", "/"):
        return StorageAddress("file", "", unquote(parts.path))
    if parts.scheme == "s3" and parts.netloc:
        return StorageAddress("s3", parts.netloc, parts.path)
    raise ValueError(f"is not understood; {_STORAGES}")


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
