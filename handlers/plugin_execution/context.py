"""The plugin's ``PluginContext``: the little of the task's context that a plugin may use."""

import io
import re
from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, BinaryIO
from uuid import UUID, uuid5

from broker.captions.caption import as_note, language_tag, store
from broker.captions.speech import cues_of_words
from broker.context import TaskContext
from broker.errors import NotFound
from broker.media import paths
from broker.media.records import MediaRecord, no_source
from broker.plugin import FILE_TYPES
from handlers.plugin_execution.http import Http

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
        #: What the media record gets beside the plugin's answer.
        self.notes: dict[str, Any] = {}
        self._task = task
        self._plugin = plugin

    def open(self) -> BinaryIO:
        try:
            return self._task.storage.open(self.media.source_key)
        except NotFound as error:
            raise no_source(self.media) from error

    def local_file(self) -> AbstractContextManager[Path]:
        try:
            self._task.storage.stat(self.media.source_key)
        except NotFound as error:
            raise no_source(self.media) from error
        return self._task.storage.local_file(self.media.source_key)

    def media_url(self) -> str:
        return self._task.source_url(self.media.id)

    def save(self, name: str, data: bytes | Path) -> None:
        if not _NAME.fullmatch(name):
            raise ValueError(f"a plugin's file must be named like {_NAME.pattern}, not {name!r}")
        key = paths.plugin_file(self.tenant, self.media.id, self._plugin, self.task_id, name)
        storage = self._task.storage
        self.saved[name] = storage.put_file(key, data) if isinstance(data, Path) else storage.put(key, io.BytesIO(data))

    def caption(self, words: Iterable[Mapping[str, Any]], language: str | None) -> None:
        cues = cues_of_words(words) if self.media.kind == "video" else []
        if not cues:
            return
        tag = language_tag(language or "")
        caption_id = str(uuid5(UUID(self.media.id), f"{self._plugin} {tag}"))
        about = {"language": tag, "label": f"{tag} ({self._plugin})", "source": self._plugin}
        self.notes |= as_note(store(self._task.storage, self.tenant, self.media.id, caption_id, cues, **about))

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
