"""Signed links: capabilities in a URL's path, for players and services that send no header."""

import time
from collections.abc import Callable
from hashlib import sha256
from uuid import UUID

from itsdangerous import Signer

from broker.errors import NotFound, TaskBrokerError
from broker.secrets.encryption import secret_keys

LIFETIME_SECONDS = 24 * 3600
#: Keeps these signatures apart from whatever else is derived from the same secret.
_PURPOSE = "mindia-tasks links"


def source_of(media_id: str) -> str:
    """The subject that is an uploaded file itself: whoever may play a video may not for that fetch its source."""
    return f"source of {media_id}"


class LinkExpired(TaskBrokerError):
    """This link has expired; read the video or image again for a fresh one."""

    code, status = "link_expired", 403


class SignedLinks:
    """Makes and checks ``<tenant id>.<end>.<signature>``, bound to one subject: a video, or what else it opens.

    The signature is itsdangerous' (HMAC-SHA256). The time is that of the link's end, in seconds since the epoch, and
    not that of its making as in itsdangerous' own timed signatures: those refuse what a clock some seconds ahead made.
    """

    def __init__(self, secret_key: str, clock: Callable[[], float] = time.time) -> None:
        """``secret_key``: a key, or several separated by commas, of which the first signs and all are accepted."""
        oldest_first = secret_keys(secret_key)[::-1]
        deriving = Signer(oldest_first, salt=_PURPOSE, key_derivation="hmac", digest_method=sha256)
        derived = [deriving.derive_key(each) for each in deriving.secret_keys]  # once, instead of for each signature
        self._signer = Signer(derived, key_derivation="none", digest_method=sha256)
        self._clock = clock

    def sign(self, tenant_id: UUID, subject: str) -> str:
        """A signature that opens this subject of this tenant for a day."""
        claim = f"{tenant_id.hex}.{int(self._clock()) + LIFETIME_SECONDS}"
        return f"{claim}.{self._signer.get_signature(f'{subject} {claim}').decode()}"

    def tenant_id(self, signature: str, subject: str) -> UUID:
        """The tenant whose subject it opens. Raises ``NotFound`` for a wrong signature, ``LinkExpired`` for an old."""
        claim, _, signed = signature.rpartition(".")
        if not self._signer.verify_signature(f"{subject} {claim}", signed):
            raise NotFound("This link is not valid.")
        tenant, _, end = claim.partition(".")
        if int(end) < self._clock():
            raise LinkExpired()
        return UUID(hex=tenant)
