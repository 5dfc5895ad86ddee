"""Deletes media files whose time is over: what is left of them is then removed as of any that was deleted."""

from broker.removal import log
from broker.removal.expiry import Expiry

_EVERY = 5.0
#: So few that a script, which forgets the vectors of all of them, stays below some milliseconds.
_BATCH = 20


class Expire:
    name = "expire"

    def __init__(self, expiry: Expiry) -> None:
        self._expiry = expiry

    def tick(self) -> float:
        expired = self._expiry.delete_expired(_BATCH)
        for each in expired:
            log.tell("deleted", media=each.media_id, tenant=each.tenant, by="expiry", kind=each.kind)
        return 0.0 if len(expired) >= _BATCH else _EVERY
