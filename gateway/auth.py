"""Who is asking: API keys, the tenants they belong to, and what only the operator may do."""

import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from uuid import NAMESPACE_DNS, UUID, uuid5

from broker.errors import Forbidden, Unauthorized


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
    """Everybody who may ask, from (tenant, key) pairs; a tenant may have several, and the first one is the operator."""

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
