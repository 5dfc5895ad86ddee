"""Who is asking: API keys, the tenants they belong to, and what they are good for."""

import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from uuid import UUID

from broker.access.api_keys import ApiKeys
from broker.access.records import Identity, in_order, tenant_id
from broker.access.scopes import Scope
from broker.errors import Forbidden, InvalidKey, Unauthorized

_TENANTS = frozenset({Scope.READ, Scope.WRITE})
_OPERATORS = frozenset(Scope)


@dataclass(frozen=True)
class Tenant:
    """Whose work it is."""

    name: str

    @cached_property
    def id(self) -> UUID:
        """The tenant as a UUID, made of its name."""
        return tenant_id(self.name)

    def is_named(self, text: object) -> bool:
        """Whether ``text`` means this tenant, by its name or by its UUID."""
        return text == self.name or (isinstance(text, str) and text.lower() == str(self.id))


@dataclass(frozen=True)
class Caller:
    """Whose key was sent, what it is good for, and which it is."""

    tenant: Tenant
    scopes: frozenset[Scope]
    #: The key's public id, or ``API_KEYS:2`` for the second entry there.
    key: str
    #: Of a key that is kept in Redis.
    identity: Identity | None = None

    def require(self, scope: Scope) -> None:
        """Raises ``Forbidden`` when the key does not have the scope."""
        if scope not in self.scopes:
            has = ", ".join(in_order(self.scopes)) or "none"
            raise Forbidden(f"This needs a key with the scope {scope}; yours has: {has}.", required_scope=str(scope))


class Tenants:
    """The keys of ``API_KEYS``, from (tenant, key) pairs; a tenant may have several, and the first is the operator."""

    def __init__(self, entries: Sequence[tuple[str, str]]) -> None:
        operator = entries[0][0]
        self._keys = [
            (
                sha256(key.encode()).digest(),
                Caller(Tenant(name), _OPERATORS if name == operator else _TENANTS, f"API_KEYS:{number}"),
            )
            for number, (name, key) in enumerate(entries, 1)
        ]
        self._by_id = {caller.tenant.id: caller.tenant for _, caller in self._keys}

    def find(self, key: str) -> Caller | None:
        """Whose key it is.

        Every key is compared, in constant time, so that the time taken tells nothing about any of them.
        """
        digest = sha256(key.encode("utf-8", "replace")).digest()
        found = [caller for known, caller in self._keys if hmac.compare_digest(known, digest)]
        return found[0] if found else None

    def by_id(self, tenant: UUID) -> Tenant | None:
        """The tenant of this UUID, if it has a key here."""
        return self._by_id.get(tenant)


class Door:
    """Lets in whoever has a key, of ``API_KEYS`` or of those in Redis."""

    def __init__(self, tenants: Tenants, api_keys: ApiKeys) -> None:
        self._tenants = tenants
        self._api_keys = api_keys

    def authenticate(self, authorization: str | None) -> Caller:
        """Who has sent this ``Authorization: Bearer <key>`` header. Raises ``Unauthorized``, ``Unavailable``."""
        scheme, _, key = (authorization or "").partition(" ")
        key = key.strip()
        if scheme.lower() != "bearer" or not key:
            raise Unauthorized()
        return self._tenants.find(key) or self._find(key)

    def by_id(self, tenant: UUID) -> Tenant | None:
        """The tenant of this UUID, while it has a key. Raises ``Unavailable``."""
        found = self._tenants.by_id(tenant)
        if found is None and (name := self._api_keys.tenant_name(tenant)):
            return Tenant(name)
        return found

    def check(self, caller: Caller) -> None:
        """Raises ``InvalidKey`` when the caller's key has ended meanwhile."""
        if caller.identity and not self._api_keys.valid([caller.identity.credential]):
            raise InvalidKey()

    def _find(self, key: str) -> Caller:
        found = self._api_keys.identify(key)
        if found is None:
            raise InvalidKey()
        self._api_keys.note_use(found)
        return Caller(Tenant(found.tenant), found.scopes, found.credential.key_id, found)
