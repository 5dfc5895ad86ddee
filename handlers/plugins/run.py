"""Runs one plugin on one media file: the handler of ``PluginExecution``."""

import os
from collections.abc import Mapping
from contextlib import AbstractContextManager
from functools import cache
from pathlib import Path
from typing import Any, BinaryIO

from marshmallow import EXCLUDE, ValidationError

from broker.errors import NotFound, PermanentError
from broker.media.records import MediaRecord
from broker.plugin import Plugin
from broker.worker.context import TaskContext
from handlers.plugins.registry import load_plugins


@cache
def _installed() -> dict[str, Plugin]:
    return load_plugins(os.environ)


def execute(context: TaskContext) -> dict[str, Any]:
    """The task's handler. Everything that no retry can cure is a ``PermanentError``."""
    return run(context, _installed(), os.environ)


def run(context: TaskContext, plugins: Mapping[str, Plugin], environ: Mapping[str, str]) -> dict[str, Any]:
    """Find the plugin, check media and configuration, execute, and note the answer in the media record.

    The record's info gets it as ``plugin_<name>``, so that plugins that run side by side do not touch each other's.
    """
    plugin = _plugin(plugins, context.payload["plugin_name"])
    media = _media(context, plugin)
    config = _config(plugin, environ)
    data = plugin.execute(_Context(context, media, config))
    context.attach(media.id, **{f"plugin_{plugin.name}": data})
    return {"plugin_name": plugin.name, "media_id": media.id, "data": data}


def _plugin(plugins: Mapping[str, Plugin], name: str) -> Plugin:
    if name not in plugins:
        raise PermanentError(f"There is no plugin {name!r} here; there are: {', '.join(plugins) or 'none'}.")
    return plugins[name]


def _media(context: TaskContext, plugin: Plugin) -> MediaRecord:
    media = context.media(context.payload["media_id"])
    if media.kind not in plugin.media_types:
        wanted = ", ".join(sorted(plugin.media_types))
        raise PermanentError(f"Plugin {plugin.name} takes {wanted}, but media file {media.id} is of kind {media.kind}.")
    return media


def _config(plugin: Plugin, environ: Mapping[str, str]) -> dict[str, Any]:
    """The plugin's whole configuration, defaults filled in. The error names variables, never their values."""
    try:
        config: dict[str, Any] = plugin.config_schema().load(plugin.config(environ), unknown=EXCLUDE)
    except ValidationError as error:
        wrong = ", ".join(f"{plugin.name}_{name}".upper() for name in sorted(error.normalized_messages()))
        raise PermanentError(f"Plugin {plugin.name} is not configured: {wrong} is missing or wrong.") from None
    return config


class _Context:
    """The plugin's ``PluginContext``: the little of the task's context that a plugin may use."""

    def __init__(self, task: TaskContext, media: MediaRecord, config: Mapping[str, Any]) -> None:
        self.task_id = task.task_id
        self.tenant = task.tenant
        self.log = task.log
        self.media = media
        self.config = config
        self._task = task

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

    def progress(self, percent: float, stage: str = "") -> None:
        self._task.progress(percent, stage)

    def seconds_left(self) -> float:
        return self._task.seconds_left()

    def recall(self, key: str) -> Any:
        return self._task.recall(key)

    def remember(self, key: str, value: Any) -> None:
        self._task.remember(key, value)
