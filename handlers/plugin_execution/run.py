"""Runs one plugin on one media file: the handler of ``PluginExecution``."""

import json
import os
import time
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

from marshmallow import EXCLUDE, ValidationError

from broker.captions.searchable import speech_task
from broker.context import TaskContext
from broker.errors import PermanentError, Postpone, RateLimited, TransientError, wait_asked
from broker.media.records import MediaRecord
from broker.plugin import NOTE, Plugin, is_transcript
from broker.plugins.installed_plugins import load_plugins
from broker.redaction import Redaction
from handlers.plugin_execution import refusals
from handlers.plugin_execution.context import Context
from handlers.plugin_execution.http import USUAL_WAIT
from handlers.plugin_execution.machine import missing

#: Bytes of JSON of an answer that is kept with the media file too; what is larger stays with the task alone.
MAX_NOTED = 4_096


@cache
def _installed() -> dict[str, Plugin]:
    return load_plugins(os.environ)


def execute(context: TaskContext) -> dict[str, Any]:
    """The task's handler. Everything that no retry can cure is a ``PermanentError``."""
    return run(context, _installed(), os.environ)


def run(
    context: TaskContext,
    plugins: Mapping[str, Plugin],
    environ: Mapping[str, str],
    now: Callable[[], float] = time.time,
) -> dict[str, Any]:
    """Find the plugin, check media and configuration, execute, and note the answer in the media record.

    The record's info gets it as ``plugin:<name>``, so that plugins that run side by side do not touch each other's.
    Raises ``Postpone`` while the service that the plugin works with has to rest.
    """
    plugin = _plugin(plugins, context.payload["plugin_name"])
    _check_installed(plugin)
    own = context.plugin_config(plugin.name)
    config = _config(plugin, environ, own)
    # Whoever pays with an account of its own is held by that account's limits, and holds nobody else.
    account = f"{plugin.name}:{'' if own is None else context.tenant}"
    if (rest := context.cooldown(account)) > 0:
        raise Postpone(refusals.after(rest))
    media = _media(context, plugin)  # last, because a recording that was asked for counts as worked on
    of_plugin = Context(context, plugin.name, media, config)
    data = _execute(plugin, of_plugin, account, context, now)
    files = [{"name": name, "size": size} for name, size in sorted(of_plugin.saved.items())]
    _note(context, plugin, of_plugin, data, files)
    if of_plugin.notes or any(map(is_transcript, of_plugin.saved)):
        _have_it_searched(context, media)
    return {"plugin_name": plugin.name, "media_id": media.id, "data": data, "files": files}


def _execute(
    plugin: Plugin, of_plugin: Context, account: str, task: TaskContext, now: Callable[[], float]
) -> dict[str, Any]:
    secrets = [each for name in plugin.secrets() if isinstance(each := of_plugin.config.get(name), str)]
    task.conceal(secrets)
    redaction = Redaction(secrets)
    try:
        with of_plugin.http:
            answer = plugin.execute(of_plugin)
    except RateLimited as busy:
        seconds, said = wait_asked(busy) or USUAL_WAIT, redaction.redact(busy.message)
        raise refusals.refused(task, account, seconds, said, now()) from None
    except Postpone:
        refusals.got_on(task)
        raise
    except Exception as error:
        cleaned = redaction.redact_error(error)
        if cleaned is error:
            raise
        raise cleaned from None
    return _without_secrets(answer, redaction)


def _without_secrets(answer: dict[str, Any], redaction: Redaction) -> dict[str, Any]:
    try:
        cleaned: dict[str, Any] = redaction.redact(answer)
    except RecursionError:
        raise PermanentError("The plugin's answer is nested too deep.") from None
    return cleaned


def _note(context: TaskContext, plugin: Plugin, of_plugin: Context, data: Any, files: list[dict[str, Any]]) -> None:
    small = len(json.dumps(data, default=str)) <= MAX_NOTED
    note = {"task_id": context.task_id, "data": data if small else None, "files": files}
    context.attach(of_plugin.media.id, **{f"{NOTE}{plugin.name}": note}, **of_plugin.notes)


def _have_it_searched(context: TaskContext, media: MediaRecord) -> None:
    """What is said in a recording is found like what it shows."""
    if task := speech_task(media, context.task_id):
        context.follow_with(task)


def _plugin(plugins: Mapping[str, Plugin], name: str) -> Plugin:
    if name not in plugins:
        raise PermanentError(f"There is no plugin {name!r} here; there are: {', '.join(plugins) or 'none'}.")
    return plugins[name]


def _check_installed(plugin: Plugin) -> None:
    if modules := missing(plugin):  # another worker may have them
        verb = "is" if len(modules) == 1 else "are"
        advice = f" To install it there: .venv/bin/pip install '{plugin.installed_by}'." if plugin.installed_by else ""
        raise TransientError(
            f"Plugin {plugin.name} cannot run on this machine: {', '.join(modules)} {verb} not installed.{advice}"
        )


def _media(context: TaskContext, plugin: Plugin) -> MediaRecord:
    media = context.media(context.payload["media_id"])
    if media.kind not in plugin.media_types:
        wanted = ", ".join(sorted(plugin.media_types))
        raise PermanentError(f"Plugin {plugin.name} takes {wanted}, but media file {media.id} is of kind {media.kind}.")
    return media


def _config(plugin: Plugin, environ: Mapping[str, str], own: Mapping[str, Any] | None) -> dict[str, Any]:
    """The plugin's whole configuration, defaults filled in. The error names settings, never their values."""
    try:
        config: dict[str, Any] = plugin.config_schema().load(plugin.config(environ, own), unknown=EXCLUDE)
    except ValidationError as error:
        wrong = sorted(error.normalized_messages())
        path = f"/api/plugins/{plugin.name}/config"
        if own is None:
            variables = ", ".join(f"{plugin.name}_{name}".upper() for name in wrong)
            what = f"{variables} is missing or wrong; PUT {path} also sets it"
        else:
            what = f"{', '.join(wrong)} is missing or wrong; PUT it to {path}"
        raise PermanentError(f"Plugin {plugin.name} is not configured: {what}.") from None
    return config
