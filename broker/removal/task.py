"""The deletion of a task that has ended, with the files that it has made."""

import logging
from collections.abc import Callable

from broker.actor import Actor
from broker.errors import Unavailable
from broker.media import paths
from broker.media.mentions import named_ids
from broker.media.records import INFO
from broker.media.storage import Storage
from broker.plugin import NOTE
from broker.task import Task
from broker.tasks.tasks import Tasks

log = logging.getLogger(__name__)


class TaskRemoval:
    """Deletes tasks of any tenant."""

    def __init__(self, tasks: Tasks, storage: Callable[[], Storage]) -> None:
        self._tasks = tasks
        self._storage = storage

    def delete(self, tenant: str, task_id: str, by: Actor | None = None) -> None:
        """Removes the task, then its files: what is left when this breaks off, no task owns. What a video or an image
        shows of itself (its stream, its place in searches) stays.

        Raises ``NotFound``, ``NotEnded``, ``Unavailable``.
        """
        task = self._tasks.get(tenant, task_id)
        plugin, media_id = _made_by(task)
        self._tasks.delete(tenant, task.id, (media_id, f"{INFO}{NOTE}{plugin}") if plugin else ("", ""), by)
        if plugin:
            try:
                self._storage().delete(paths.plugin_file(tenant, media_id, plugin, task.id))
            except Unavailable as error:
                log.info("files of task %s are left to the daemon: %s", task.id, error)


def _made_by(task: Task) -> tuple[str, str]:
    """The plugin that the task has run, and on which file; empty for other tasks."""
    plugin, ids = task.payload.get("plugin_name"), named_ids({"media_id": task.payload.get("media_id")})
    return (plugin, ids[0]) if isinstance(plugin, str) and plugin and ids else ("", "")
