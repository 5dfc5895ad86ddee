"""What a plugin is: one class in one file, found through the entry point group ``mindia_tasks.plugins``."""

import logging
from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, ClassVar, Protocol

from marshmallow import Schema

from broker.media.records import MediaRecord

if TYPE_CHECKING:
    from requests import Session


#: What plugins may keep as files, by the end of the name: nothing that a browser would run.
FILE_TYPES = {
    "jpg": "image/jpeg",
    "png": "image/png",
    "json": "application/json",
    "txt": "text/plain; charset=utf-8",
    "vtt": "text/vtt; charset=utf-8",
}


#: What a plugin keeps by this name, or as WebVTT, is taken for what is said in the recording, and made searchable: JSON
#: with ``words`` or ``segments`` (``{"text", "start", "end"}`` each, in milliseconds), or with ``text`` alone.
TRANSCRIPT = "transcript.json"


def is_transcript(name: str) -> bool:
    """Whether a plugin's file of this name tells what is said."""
    return name == TRANSCRIPT or name.endswith(".vtt")


#: Begins the names in a media record's ``info`` of what plugins answered: ``{"task_id", "data", "files"}``.
NOTE = "plugin:"


class PluginContext(Protocol):
    """What a running plugin may use. It never sees Redis, other tenants, or where the bytes live."""

    task_id: str
    tenant: str
    media: MediaRecord
    config: Mapping[str, Any]
    log: logging.Logger

    @property
    def http(self) -> "Session":
        """For HTTP: every call has time limits and follows no redirect, and netrc is not read.

        A service that cannot be reached is a ``TransientError``, and its 429 a ``RateLimited``, which makes all tasks
        of the plugin wait for as long as it asks.
        """

    def open(self) -> BinaryIO:
        """The media file as a stream of bytes, to be closed by the caller."""

    def local_file(self) -> AbstractContextManager[Path]:
        """The media file as a path on this machine, for tools that need one; read only."""

    def media_url(self) -> str:
        """A link to the media file for a service outside: it opens without a key, for a day."""

    def progress(self, percent: float, stage: str = "") -> None:
        """Tell how far the work is, 0 to 100."""

    def seconds_left(self) -> float:
        """Seconds until the run is stopped for taking too long."""

    def stopping(self) -> bool:
        """The run should end: its worker stops in seconds. What is not done by then runs again elsewhere.

        A run that its owner cancels, or that takes too long, is ended without being asked.
        """

    def save(self, name: str, data: bytes | Path) -> None:
        """Keep a file that the plugin made; it is listed beside the result, with a link, once the task is completed.

        A transcript (``is_transcript``) is made searchable, too.

        ``name`` ends in one of ``FILE_TYPES``; the same name again replaces it.
        """

    def caption(self, words: Iterable[Mapping[str, Any]], language: str | None) -> None:
        """Give a video captions of what is said in it: they are in its HLS playlist once the task is completed.

        A word is ``{"text", "start", "end"}``, in milliseconds; ``language`` a BCP 47 tag, if it is known. They take
        the place of those that the plugin has made in this language before. Other media have none.
        """

    def recall(self, key: str) -> Any:
        """What an earlier attempt at this task remembered under ``key``, else ``None``."""

    def remember(self, key: str, value: Any) -> None:
        """Keep a JSON value for later attempts at this task, before anything that must not be done twice.

        Raises ``TransientError`` when this attempt is over already, because its worker was taken for dead.
        """


class Plugin:
    """Base of all plugins: subclass it, set the attributes, write ``execute``."""

    name: ClassVar[str]
    description: ClassVar[str]
    #: Kinds of media it takes, of ``video``, ``image``, ``audio``, ``document``.
    media_types: ClassVar[frozenset[str]]
    #: Its settings. Those that are ``load_only`` are secrets: nobody is ever shown them. It is shown as JSON Schema, so
    #: patterns are written as JavaScript reads them too: ``^`` at the beginning, and ``(?![\s\S])`` for the end.
    config_schema: ClassVar[type[Schema]] = Schema
    #: Settings that no tenant may change, such as where secrets are sent to.
    operator_settings: ClassVar[frozenset[str]] = frozenset()
    #: Settings that decide where the secrets are sent. While a tenant leaves them as they are, it may change the others
    #: without giving its secrets again. ``None``, for a plugin that does not say: all settings may decide it.
    destination: ClassVar[frozenset[str] | None] = None

    #: Modules without which it cannot work; import them in ``execute``, because the gateway lists plugins without them.
    requires: ClassVar[tuple[str, ...]] = ()
    #: What to install for them, as pip takes it, such as ``mindia-tasks[speech]``.
    installed_by: ClassVar[str] = ""

    def config(self, environ: Mapping[str, str], own: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Its settings, unchecked: ``own``, what the tenant has set, else the operator's.

        The operator's are read from environment variables ``<NAME>_<FIELD>``. The two are never mixed, so that no
        secret of the operator's goes where a tenant sends it; only ``operator_settings`` hold for all.
        """
        prefix = self.name.upper()
        names = self.config_schema().fields if own is None else self.operator_settings
        found = {name: environ.get(f"{prefix}_{name.upper()}") for name in names}
        return {**(own or {}), **{name: value for name, value in found.items() if value}}

    def enabled(self, environ: Mapping[str, str], own: Mapping[str, Any] | None = None) -> bool:
        """Whether its settings are complete."""
        return not self.config_schema().validate(self.config(environ, own))

    def tenant_schema(self) -> Schema:
        """The settings that a tenant may make."""
        return self.config_schema(exclude=self.operator_settings)

    def secrets(self) -> frozenset[str]:
        """Names of the settings that are secret."""
        return frozenset(name for name, field in self.config_schema().fields.items() if field.load_only)

    def redirected_by(self, before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
        """Names of the settings by which secrets may be sent elsewhere after this change of the tenant's settings."""
        deciding = before.keys() | after.keys() if self.destination is None else self.destination
        return sorted(name for name in deciding if before.get(name) != after.get(name))

    def execute(self, context: PluginContext) -> dict[str, Any]:
        """Do the work and return JSON values.

        Raise ``PermanentError`` when no retry can help, ``TransientError`` when one may, ``Postpone`` to wait for
        somebody else without holding a worker, ``RateLimited`` to make all tasks of this plugin wait.
        """
        raise NotImplementedError(f"{type(self).__name__} must define execute()")
