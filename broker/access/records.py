"""API keys as everyone outside the scripts sees them: plain, frozen records, never the secret."""

import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple
from uuid import NAMESPACE_DNS, UUID, uuid5

from broker.access.scopes import Scope
from broker.clock import to_rfc3339

#: Fields of a key's hash by which a request is let in.
CHECKED = ("digest", "former", "former_until", "expires_us", "tenant", "scopes", "used_us")
#: Those that are shown.
SHOWN = (
    *("id", "name", "tenant", "scopes", "created_us", "created_by", "expires_us", "used_us"),
    *("rotated_us", "former_until"),
)
#: Of the length of a digest, and none.
_NO_DIGEST = "-" * 64


def tenant_id(name: str) -> UUID:
    """A tenant as a UUID: name-based (RFC 9562 version 5) in the DNS name space."""
    return uuid5(NAMESPACE_DNS, name)


class Credential(NamedTuple):
    """What a request has shown: a key's id, and the digest of its text."""

    key_id: str
    digest: str


@dataclass(frozen=True, slots=True)
class Identity:
    """Whose key it is and what it is good for."""

    credential: Credential
    tenant: str
    scopes: frozenset[Scope]
    #: Shown was the secret that was replaced; its time is not over yet.
    is_former: bool
    expires_us: int | None
    #: When the key was last used, as far as that was noted; 0 for never.
    used_us: int


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key as it is listed; times are RFC 3339."""

    id: str
    name: str
    tenant: str
    scopes: list[str]
    created_at: str
    #: As the audit log names who has made it.
    created_by: str
    expires_at: str | None
    expired: bool
    #: To the minute.
    last_used_at: str | None
    rotated_at: str | None
    #: Until then the secret before the last rotation is valid too.
    former_until: str | None


def identity(credential: Credential, values: Sequence[str | None], now_us: int) -> Identity | None:
    """Who it is, from the values of ``CHECKED``; ``None`` for an unknown, wrong, replaced or expired key.

    It takes as long for an id that is not there as for one that is.
    """
    current, former, former_until, expires, tenant, scopes, used = values
    is_current = hmac.compare_digest(current or _NO_DIGEST, credential.digest)
    was = hmac.compare_digest(former or _NO_DIGEST, credential.digest)
    is_former = was and now_us < int(former_until or 0)
    if not (is_current or is_former) or (expires and int(expires) <= now_us):
        return None
    end = int(expires) if expires else None
    return Identity(credential, tenant or "", scopes_of(scopes), is_former, end, int(used or 0))


def api_key(values: Sequence[str | None], now_us: int) -> ApiKey:
    """A key from the values of ``SHOWN``."""
    key_id, name, tenant, scopes, created, created_by, expires, used, rotated, former_until = values
    overlap = former_until if former_until and int(former_until) > now_us else None
    return ApiKey(
        id=key_id or "",
        name=name or "",
        tenant=tenant or "",
        scopes=in_order(scopes_of(scopes)),
        created_at=to_rfc3339(int(created or 0)),
        created_by=created_by or "",
        expires_at=_moment(expires),
        expired=bool(expires) and int(expires or 0) <= now_us,
        last_used_at=_moment(used),
        rotated_at=_moment(rotated),
        former_until=_moment(overlap),
    )


def scopes_of(text: str | None) -> frozenset[Scope]:
    """Scopes from the text with commas that is kept; those of a later release mean nothing to this one."""
    kept = (text or "").split(",")
    return frozenset(each for each in Scope if each.value in kept)


def in_order(scopes: frozenset[Scope]) -> list[str]:
    """Their names, always in the same order."""
    return [each.value for each in Scope if each in scopes]


def _moment(us: str | None) -> str | None:
    return to_rfc3339(int(us)) if us else None
