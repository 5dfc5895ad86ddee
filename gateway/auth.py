"""Who is asking: API keys, the tenants they belong to, and what only the operator may do."""

import hmac
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from uuid import NAMESPACE_DNS, UUID, uuid5

from broker.errors import Forbidden, Unauthorized

#: A tenant's name is a part of storage keys and Redis keys; a key must fit into a header.
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,62}")
_KEY = re.compile(r"[\x21-\x7e]{1,512}")


@dataclass(frozen=True)
class Tenant:
    """Whose work it is. The operator's tenant may also see and change what all share."""

    name: str
    operator: bool = False

    @cached_property
    def id(self) -> UUID:
        """The tenant as a UUID: name-based (RFC 9562 version 5) in the DNS name space."""
        return uuid5(NAMESPACE_DNS, self.name)

    def is_named(self, text: object) -> bool:
        """Whether ``text`` means this tenant, by its name or by its UUID."""
        return text == self.name or (isinstance(text, str) and text.lower() == str(self.id))

    def require_operator(self) -> None:
        """Raises ``Forbidden`` for everybody but the operator."""
        if not self.operator:
            raise Forbidden()


class Tenants:
    """Everybody who may ask, from ``tenant:key`` pairs; the tenant of the first is the operator's."""

    def __init__(self, entries: Sequence[tuple[str, str]]) -> None:
        operator = entries[0][0]
        self._keys = [(sha256(key.encode()).digest(), Tenant(name, name == operator)) for name, key in entries]
        self._by_id = {tenant.id: tenant for _, tenant in self._keys}

    def authenticate(self, authorization: str | None) -> Tenant:
        """The tenant of an ``Authorization: Bearer <key>`` header. Raises ``Unauthorized``.

        Every key is compared, in constant time, so that the time taken tells nothing about any of them.
        """
        scheme, _, key = (authorization or "").partition(" ")
        digest = sha256(key.strip().encode("utf-8", "replace")).digest()
        found = [tenant for known, tenant in self._keys if hmac.compare_digest(known, digest)]
        if scheme.lower() != "bearer" or not found:
            raise Unauthorized()
        return found[0]

    def by_id(self, tenant_id: UUID) -> Tenant | None:
        """The tenant of this UUID, while it has a key."""
        return self._by_id.get(tenant_id)


def parse_api_keys(text: str) -> Tenants:
    """``tenant:key,tenant:key`` as ``Tenants``. A tenant may have several keys. Raises ``ValueError``."""
    entries = [_entry(part.strip(), number) for number, part in enumerate(text.split(","), 1) if part.strip()]
    if not entries:
        raise ValueError("API_KEYS is not set: give tenant:key pairs, as in API_KEYS=acme:a-long-random-key")
    if len({key for _, key in entries}) < len(entries):
        raise ValueError("API_KEYS has the same key twice; every entry needs a key of its own")
    return Tenants(entries)


def _entry(part: str, number: int) -> tuple[str, str]:
    """One pair; the message of a ``ValueError`` never shows a key."""
    name, colon, key = part.partition(":")
    if not colon or not _NAME.fullmatch(name):
        raise ValueError(
            f"API_KEYS, entry {number}: write tenant:key, the tenant's name of letters, digits, dots, dashes and "
            "underscores (at most 63, beginning with a letter or digit)"
        )
    if not _KEY.fullmatch(key):
        raise ValueError(f"API_KEYS, entry {number}: the key must be 1 to 512 visible ASCII characters")
    return name, key
