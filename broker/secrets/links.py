"""Signed links: capabilities in a URL's path, for players and services that send no header."""

import hmac
import time
from collections.abc import Callable
from uuid import UUID

from broker.errors import NotFound, TaskBrokerError
from broker.secrets.encryption import secret_keys

LIFETIME_SECONDS = 24 * 3600


def source_of(media_id: str) -> str:
    """The subject that is an uploaded file itself: whoever may play a video may not for that fetch its source."""
    return f"source of {media_id}"


class LinkExpired(TaskBrokerError):
    """This link has expired; read the video or image again for a fresh one."""

    code, status = "link_expired", 403


class SignedLinks:
    """Makes and checks ``<tenant id>.<end>.<HMAC-SHA256>``, bound to one subject: a video, or what else it opens.

    The time in it, in seconds since the epoch, is that of its end and not of its making, so gateways whose clocks
    differ a little agree on every fresh link.
    """

    def __init__(self, secret_key: str, clock: Callable[[], float] = time.time) -> None:
        """``secret_key``: a key, or several separated by commas, of which the first signs and all are accepted."""
        self._keys = [key.encode() for key in secret_keys(secret_key)]
        self._clock = clock

    def sign(self, tenant_id: UUID, subject: str) -> str:
        """A signature that opens this subject of this tenant for a day."""
        return _sign(self._keys[0], f"{tenant_id.hex}.{int(self._clock()) + LIFETIME_SECONDS}", subject)

    def tenant_id(self, signature: str, subject: str) -> UUID:
        """The tenant whose subject it opens. Raises ``NotFound`` for a wrong signature, ``LinkExpired`` for an old."""
        claim = signature.rpartition(".")[0]
        wanted = [_sign(key, claim, subject).encode() for key in self._keys]
        if not any([hmac.compare_digest(each, signature.encode()) for each in wanted]):  # all, in constant time
            raise NotFound("This link is not valid.")
        tenant, _, end = claim.partition(".")
        if int(end) < self._clock():
            raise LinkExpired()
        return UUID(hex=tenant)


def _sign(key: bytes, claim: str, subject: str) -> str:
    digest = hmac.new(key, f"stream {subject} {claim}".encode(), "sha256")
    return f"{claim}.{digest.hexdigest()}"
