"""The plugin's ``PluginContext``: the little of the task's context that a plugin may use."""

import io
import re
from collections.abc import Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, BinaryIO

from broker.context import TaskContext
from broker.errors import NotFound, PermanentError
from broker.media import paths
from broker.media.records import MediaRecord
from broker.plugin import FILE_TYPES
from handlers.plugins.http import Http

_NAME = re.compile(rf"[a-z0-9][a-z0-9_-]{{0,99}}\.({'|'.join(FILE_TYPES)})")


class Context:
    """See ``broker.plugin.PluginContext`` for what plugins may expect."""

    def __init__(self, task: TaskContext, plugin: str, media: MediaRecord, config: Mapping[str, Any]) -> None:
        self.task_id = task.task_id
        self.tenant = task.tenant
        self.log = task.log
        self.media = media
        self.config = config
        self.http = Http()
        #: Name -> bytes of what the plugin has kept.
        self.saved: dict[str, int] = {}
        self._task = task
        self._plugin = plugin

    def open(self) -> BinaryIO:
        try:
            return self._task.storage.open(self.media.source_key)
        except NotFound as error:
            raise self._gone() from error

    def local_file(self) -> AbstractContextManager[Path]:
        try:
            self._task.storage.stat(self.media.source_key)
        except NotFound as error:
            raise self._gone() from error
        return self._task.storage.local_file(self.media.source_key)

    def _gone(self) -> PermanentError:
        return PermanentError(f"The bytes of media file {self.media.id} are gone; upload it again.")

    def media_url(self) -> str:
        return self._task.source_url(self.media.id)

    def save(self, name: str, data: bytes | Path) -> None:
        if not _NAME.fullmatch(name):
            raise ValueError(f"a plugin's file must be named like {_NAME.pattern}, not {name!r}")
        key = paths.plugin_file(self.tenant, self.media.id, self._plugin, self.task_id, name)
        storage = self._task.storage
        self.saved[name] = storage.put_file(key, data) if isinstance(data, Path) else storage.put(key, io.BytesIO(data))

    def progress(self, percent: float, stage: str = "") -> None:
        self._task.progress(percent, stage)

    def seconds_left(self) -> float:
        return self._task.seconds_left()

    def stopping(self) -> bool:
        return self._task.stopping()

    def recall(self, key: str) -> Any:
        return self._task.recall(key)

    def remember(self, key: str, value: Any) -> None:
        self._task.remember(key, value)
