"""What a plugin is: one class in one file, found through the entry point group ``mindia_tasks.plugins``."""

import logging
from collections.abc import Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, BinaryIO, ClassVar, Protocol

from marshmallow import Schema

from broker.media.records import MediaRecord


class PluginContext(Protocol):
    """What a running plugin may use. It never sees Redis, other tenants, or where the bytes live."""

    task_id: str
    tenant: str
    media: MediaRecord
    config: Mapping[str, Any]
    log: logging.Logger

    def open(self) -> BinaryIO:
        """The media file as a stream of bytes, to be closed by the caller."""

    def local_file(self) -> AbstractContextManager[Path]:
        """The media file as a path on this machine, for tools that need one; read only."""

    def progress(self, percent: float, stage: str = "") -> None:
        """Tell how far the work is, 0 to 100."""

    def seconds_left(self) -> float:
        """Seconds until the run is stopped for taking too long."""

    def recall(self, key: str) -> Any:
        """What an earlier attempt at this task remembered under ``key``, else ``None``."""

    def remember(self, key: str, value: Any) -> None:
        """Keep a JSON value for later attempts at this task, before anything that must not be done twice."""


class Plugin:
    """Base of all plugins: subclass it, set the attributes, write ``execute``."""

    name: ClassVar[str]
    description: ClassVar[str]
    #: Kinds of media it takes, of ``video``, ``image``, ``audio``, ``document``.
    media_types: ClassVar[frozenset[str]]
    config_schema: ClassVar[type[Schema]] = Schema

    def config(self, environ: Mapping[str, str]) -> dict[str, Any]:
        """Its configuration, read from environment variables ``<NAME>_<FIELD>`` of the schema's fields."""
        prefix = self.name.upper()
        found = {name: environ.get(f"{prefix}_{name.upper()}") for name in self.config_schema().fields}
        return {name: value for name, value in found.items() if value}

    def enabled(self, environ: Mapping[str, str]) -> bool:
        """Whether its configuration is complete."""
        return not self.config_schema().validate(self.config(environ))

    def execute(self, context: PluginContext) -> dict[str, Any]:
        """Do the work and return JSON values. Raise ``PermanentError`` when no retry can help."""
        raise NotImplementedError(f"{type(self).__name__} must define execute()")
