"""HTTP to addresses that strangers choose, so that it can neither reach into our network nor hold us up.

A name is resolved once, every address it has is checked, and the connection goes to one that was checked: a second
answer of the name's owner (DNS rebinding) is never asked for. Host, SNI and certificate stay those of the name.
Redirects and proxies are not followed, an answer is read up to a bound, and the whole exchange has one deadline.
The request says on whose behalf it is made (``broker.trace``).
"""

import re
import socket
from collections.abc import Callable, Mapping
from typing import Any

from urllib3.exceptions import LocationParseError
from urllib3.util import Url, parse_url

from broker.errors import PermanentError
from broker.outbound.addresses import is_public
from broker.outbound.exchange import Answer, BadRequest, Unreachable, exchange, host_of, port_of, unresolved
from broker.trace import current

__all__ = ["MAX_URL", "Answer", "BadRequest", "TargetRefused", "Unreachable", "check_url", "guarded_post"]

MAX_URL = 2048
_MALFORMED = "The URL is malformed."
_SCHEMES = ("http", "https")
_VISIBLE = re.compile(r"[\x21-\x5b\x5d-\x7e]+")

#: As ``socket.getaddrinfo``.
Resolver = Callable[..., list[tuple[Any, ...]]]


class TargetRefused(PermanentError):
    """This address may not be called from here."""


def check_url(url: str, *, allow_private: bool = False) -> None:
    """Raises ``TargetRefused`` for what no name server has to be asked about: its form, and addresses in figures."""
    target = _parse(url)
    try:
        found = socket.getaddrinfo(host_of(target), None, flags=socket.AI_NUMERICHOST)
    except UnicodeError:  # no name server takes a label of more than 63 characters, or of none
        raise TargetRefused(_MALFORMED) from None
    except OSError:
        return  # a name; its addresses are looked at when it is called
    _check([str(each[4][0]) for each in found], allow_private)


def guarded_post(
    url: str,
    body: bytes,
    headers: Mapping[str, str],
    *,
    allow_private: bool = False,
    timeout: float = 15.0,
    max_bytes: int = 64 * 1024,
    resolve: Resolver = socket.getaddrinfo,
) -> Answer:
    """One POST and its answer, whatever its status. ``timeout``, in seconds, is for everything after the name's lookup.

    Raises ``TargetRefused`` when the URL or an address of its host may not be called, ``BadRequest`` for a header that
    is none, ``Unreachable`` when nobody answers in time.
    """
    target, addresses = reach(url, allow_private=allow_private, resolve=resolve)
    return exchange(target, addresses, body, {**current().headers(), **headers}, timeout, max_bytes)


def reach(url: str, *, allow_private: bool = False, resolve: Resolver = socket.getaddrinfo) -> tuple[Url, list[str]]:
    """A URL, and the addresses of its host that may be called. Raises ``TargetRefused``, ``Unreachable``."""
    target = _parse(url)
    addresses = _resolve(target, resolve)
    _check(addresses, allow_private)
    return target, addresses


def _parse(url: str) -> Url:
    if len(url) > MAX_URL or not _VISIBLE.fullmatch(url):
        raise TargetRefused(f"The URL must be 1 to {MAX_URL} visible ASCII characters without a backslash.")
    try:
        target = parse_url(url)
    except LocationParseError:
        raise TargetRefused(_MALFORMED) from None
    if target.scheme not in _SCHEMES or not target.host:
        raise TargetRefused("The URL must begin with http:// or https:// and a host.")
    if target.auth is not None:
        raise TargetRefused("The URL must not contain a user name or password.")
    return target


def _resolve(target: Url, resolve: Resolver) -> list[str]:
    """All addresses of the host, in the order to try them."""
    try:
        found = resolve(host_of(target), port_of(target), type=socket.SOCK_STREAM)
    except UnicodeError:
        raise TargetRefused(_MALFORMED) from None
    except OSError as error:
        raise Unreachable(unresolved(error)) from None
    return list(dict.fromkeys(each[4][0] for each in found))


def _check(addresses: list[str], allow_private: bool) -> None:
    """One bad address is enough: a name that mixes them is up to no good. The message names none: it is no oracle."""
    if not allow_private and not all(is_public(address) for address in addresses):
        raise TargetRefused(
            "The host is not on the public internet (WEBHOOKS_ALLOW_PRIVATE=1 allows it, for development)."
        )
