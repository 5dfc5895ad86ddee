"""The deletion of a media file: in one script it is gone for whoever asks, and a tombstone tells what has to follow.

What follows is begun here, as far as it takes no time, and ended by the daemon, whatever dies in between.
"""

import logging

from broker.actor import Actor
from broker.engine.connection import redis_errors
from broker.engine.transitions import Transitions
from broker.errors import NotConfirmed, NotFound, Unavailable
from broker.removal import log as removal_log
from broker.removal.remains import Remains
from broker.tasks.durability import Durability

log = logging.getLogger(__name__)

#: Seconds for which a caller looks for tasks; a tenant with a hundred thousand waiting leaves the rest to the daemon.
_PATIENCE = 0.5


class MediaRemoval:
    """Deletes media files of any tenant."""

    def __init__(self, store: Transitions, durability: Durability, remains: Remains) -> None:
        self._store = store
        self._durability = durability
        self._remains = remains

    def delete(self, tenant: str, kind: str, media_id: str, by: Actor | None = None) -> None:
        """Ends a file with all that belongs to it. ``media_id`` is a UUID in its usual form.

        A repeat is no error until everything is removed. Raises ``NotFound``, also for another tenant's or of another
        kind, and ``Unavailable``, after which it may be repeated.
        """
        if not self._bury(tenant, kind, media_id, by):
            raise NotFound(f"There is no {kind} with this id.")
        removal_log.tell("deleted", media=media_id, tenant=tenant, by=by.name if by else "tenant", kind=kind)
        try:
            with redis_errors():
                self._remains.stop_tasks(tenant, [media_id], _PATIENCE)
            self._remains.remove_files(tenant, media_id)
        except Unavailable as error:
            log.info("what is left of media file %s is for the daemon: %s", media_id, error)

    def _bury(self, tenant: str, kind: str, media_id: str, by: Actor | None) -> bool:
        """Kept as ``DURABILITY`` demands: a deletion that Redis forgot would leave a record without bytes."""

        def bury(store: Transitions) -> bool:
            return store.delete_media(media_id, tenant, kind, by)

        try:
            with redis_errors():
                return self._durability.run(self._store, bury, lambda done: [media_id] if done else [])
        except NotConfirmed as error:
            message = "Whether the deletion is kept is not known yet; repeat the request."
            raise Unavailable(message, retry_after=2) from error
