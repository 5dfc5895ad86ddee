"""Removes resumable uploads that nobody has gone on with for too long."""

from broker.removal import log
from broker.uploads.expiry import UploadExpiry

_EVERY = 5.0
_BATCH = 20


class TidyUploads:
    name = "tidy_uploads"

    def __init__(self, expiry: UploadExpiry) -> None:
        self._expiry = expiry

    def tick(self) -> float:
        removed = self._expiry.remove_expired(_BATCH)
        for each in removed:
            log.tell("upload given up", media=each.id, tenant=each.tenant, by="expiry", kind=each.kind)
        return 0.0 if len(removed) >= _BATCH else _EVERY
