"""What is left of deleted media files: tasks that name them, and files. Every step may be repeated, or break off."""

import time
from collections.abc import Callable, Collection

from broker.errors import NotCancellable, NotFound
from broker.media import paths
from broker.media.storage import Storage
from broker.removal.unfinished_tasks import Unfinished
from broker.tasks.tasks import Tasks

#: Files that are removed at once: one request of S3's.
MOST = 1000


class Remains:
    """Of files whose record is gone, so that what begins from now on finds nothing to work with."""

    def __init__(self, tasks: Tasks, unfinished: Unfinished, storage: Callable[[], Storage]) -> None:
        """``storage`` is opened when it is first needed."""
        self._tasks = tasks
        self._unfinished = unfinished
        self._storage = storage

    def stop_tasks(self, tenant: str, media_ids: Collection[str], seconds: float | None = None) -> set[str]:
        """Cancels what waits and stops what runs; returns the files that were named. Ends after ``seconds``, if given.

        A run that is stopped may write for a beat more, one that was cut off from Redis for longer.
        """
        end = None if seconds is None else time.monotonic() + seconds
        found: set[str] = set()
        for page in self._unfinished.naming(tenant, media_ids):
            for task_id, media_id in page:
                found.add(media_id)
                self._stop(tenant, task_id)
            if end is not None and time.monotonic() > end:
                break
        return found

    def remove_files(self, tenant: str, media_id: str) -> int:
        """Removes up to ``MOST`` files; returns how many. Raises ``Unavailable``."""
        return self._storage().delete(paths.media_folder(tenant, media_id), MOST)

    def _stop(self, tenant: str, task_id: str) -> None:
        try:
            self._tasks.cancel(tenant, task_id, force=True)
        except (NotFound, NotCancellable):  # it has ended meanwhile
            return
