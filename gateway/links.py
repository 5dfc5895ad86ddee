"""Stream links: capabilities in a URL's path, for players that send no header."""

import hashlib
import time
from collections.abc import Callable
from uuid import UUID

from itsdangerous import BadSignature, Signer

from broker.errors import NotFound, TaskBrokerError

LIFETIME_SECONDS = 24 * 3600


class LinkExpired(TaskBrokerError):
    """This stream link has expired; read the video again for a fresh one."""

    code, status = "link_expired", 403


class StreamLinks:
    """Signs and checks ``<tenant id>.<expiry>.<HMAC-SHA256>``, each bound to one video.

    The time in it is that of its end, not of its making, so gateways whose clocks differ a little agree.
    """

    def __init__(self, secret_key: str, clock: Callable[[], float] = time.time) -> None:
        self._secret_key = secret_key
        self._clock = clock

    def sign(self, tenant_id: UUID, video_id: str) -> str:
        """A signature that opens this video of this tenant for a day."""
        expires = int(self._clock()) + LIFETIME_SECONDS
        return self._signer(video_id).sign(f"{tenant_id.hex}.{expires}").decode()

    def tenant_id(self, signature: str, video_id: str) -> UUID:
        """The tenant whose video a signature opens. Raises ``NotFound`` for a wrong one, ``LinkExpired`` for an old."""
        try:
            tenant, _, expires = self._signer(video_id).unsign(signature).decode().partition(".")
        except BadSignature:
            raise NotFound("This stream link is not valid.") from None
        if int(expires) < self._clock():
            raise LinkExpired()
        return UUID(hex=tenant)

    def _signer(self, video_id: str) -> Signer:
        return Signer(self._secret_key, salt=f"stream {video_id}", key_derivation="hmac", digest_method=hashlib.sha256)
