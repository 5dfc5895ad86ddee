"""Removes what is left of deleted media files, and sources that were not to be kept.

A run that is stopped may write for some moments more, after its files were removed. So a tombstone stands until every
lease of the time of the deletion must be over, and whoever takes it away has looked once more and found nothing.
"""

from collections import defaultdict

from broker.errors import TaskBrokerError
from broker.removal.remains import MOST, Remains
from broker.removal.sources import Sources
from broker.removal.tombstones import Tombstone, Tombstones

_EVERY = 0.5
#: Files whose tasks are looked for in one walk.
_BATCH = 20
#: Seconds until somebody else goes on with those of a daemon that has died, and until one that failed is tried again.
_HOLD = 60.0
#: A lease may be extended once after nobody could renew; then a worker is told with its next beat, and needs a while.
_LEASES, _GRACE = 3.0, 30.0
#: Seconds until the second look, and at least between two later ones.
_SOON = 10.0


class Remove:
    name = "remove"

    def __init__(self, tombstones: Tombstones, remains: Remains, sources: Sources, lease_seconds: float) -> None:
        self._tombstones = tombstones
        self._remains = remains
        self._sources = sources
        self._settled = _LEASES * lease_seconds + _GRACE

    def tick(self) -> float:
        claimed = self._tombstones.claim(_BATCH, _HOLD)
        of_tenant: dict[str, list[Tombstone]] = defaultdict(list)
        for each in claimed:
            of_tenant[each.tenant].append(each)
        failure: TaskBrokerError | None = None
        for tenant, deleted in of_tenant.items():
            named = self._remains.stop_tasks(tenant, [each.media_id for each in deleted])
            for each in deleted:
                try:
                    self._remove(each, stopped=each.media_id in named)
                except TaskBrokerError as error:  # of one file, or of all: then the others say the same
                    failure = error
        if failure is not None:
            raise failure
        more = self._sources.remove_due()
        return 0.0 if claimed or more else _EVERY

    def _remove(self, deleted: Tombstone, *, stopped: bool) -> None:
        removed = self._remains.remove_files(deleted.tenant, deleted.media_id)
        if removed >= MOST:
            self._tombstones.look_again(deleted.media_id, 0)
        elif removed or stopped or deleted.age < self._settled:
            self._tombstones.look_again(deleted.media_id, self._pause(deleted.age))
        else:
            self._tombstones.remove(deleted.media_id)

    def _pause(self, age: float) -> float:
        return _SOON if age < _SOON else max(_SOON, self._settled - age)
