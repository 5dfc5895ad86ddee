"""``/api/plugins``: what there is, the tenant's settings, and running one on an uploaded file."""

from functools import partial
from typing import Any

from flask import Response
from flask_smorest import current_api

from broker.access.scopes import Scope
from broker.errors import InvalidInput, NotFound, SourceRemoved, TaskBrokerError
from broker.plugin import Plugin
from gateway import plugin_settings
from gateway.blueprint import Blueprint
from gateway.current import actor, broker, services, tenant
from gateway.idempotency import IdempotencyHeader, idempotent
from gateway.schemas.plugins import Execute, PluginConfigUpdate, PluginList, PluginSettings
from gateway.schemas.tasks import TaskDetail
from gateway.submissions import check, new_task, submit

blueprint = Blueprint(
    "plugins", __name__, url_prefix="/api/plugins", description="What plugins there are, and running one."
)


class PluginNotConfigured(TaskBrokerError):
    """This plugin lacks settings: PUT them to /api/plugins/{name}/config, as its config_schema says."""

    code, status = "plugin_not_configured", 409


@blueprint.get("")
@blueprint.needs(Scope.READ)
@blueprint.response(200, PluginList)
def list_plugins() -> dict[str, list[dict[str, Any]]]:
    """List plugins

    With your settings of each, secrets masked, and whether what it needs is installed where the workers run.
    """
    plugins = services().plugins.values()
    settings = plugin_settings.show_all(plugins)
    lacking = broker().workers.lacking("PluginExecution")
    return {
        "plugins": [
            _show(plugin) | told | {"runnable": plugin.name not in lacking}
            for plugin, told in zip(plugins, settings, strict=True)
        ]
    }


@blueprint.get("/<name>/config")
@blueprint.needs(Scope.READ)
@blueprint.response(200, PluginSettings)
@blueprint.problems(404, 409)
def get_plugin_config(name: str) -> dict[str, Any]:
    """Show your settings of a plugin

    Secrets are masked.
    """
    return plugin_settings.show(_plugin(name))


@blueprint.put("/<name>/config")
@blueprint.needs(Scope.WRITE)
@blueprint.arguments(PluginConfigUpdate)
@blueprint.response(200, PluginSettings)
@blueprint.problems(404, 409)
def replace_plugin_config(body: dict[str, Any], name: str) -> dict[str, Any]:
    """Replace your settings of a plugin

    They are kept encrypted, and replace the operator's for your tasks from the next run on.
    """
    plugin = _plugin(name)
    plugin_settings.store(plugin, body["config"])
    return plugin_settings.show(plugin)


@blueprint.delete("/<name>/config")
@blueprint.needs(Scope.WRITE)
@blueprint.response(204)
@blueprint.problems(404)
def delete_plugin_config(name: str) -> None:
    """Forget your settings of a plugin

    The operator's are in force again, if there are any.
    """
    plugin = _plugin(name)
    broker().plugin_configs.delete(tenant().name, plugin.name, plugin.secrets(), actor())


@blueprint.post("/<name>/execute")
@blueprint.needs(Scope.WRITE)
@blueprint.arguments(Execute)
@blueprint.arguments(IdempotencyHeader, location="headers")
@blueprint.creates(TaskDetail)
@blueprint.problems(404, 409)
def execute_plugin(body: dict[str, Any], headers: dict[str, Any], name: str) -> Response:
    """Run a plugin on a file

    Plugin, settings and file are checked now; the work is a PluginExecution task.
    """
    media_id = str(body["media_id"])
    _check_runnable(name, media_id)
    payload = {"plugin_name": name, "media_id": media_id, "tenant_id": tenant().name}
    more = {each: value for each, value in body.items() if each != "media_id"}
    checked = check(new_task({"type": "PluginExecution", "payload": payload} | more))
    return idempotent(headers, lambda: [media_id, more] if more else media_id, partial(submit, checked))


def _plugin(name: str) -> Plugin:
    plugin = services().plugins.get(name)
    if plugin is None:
        raise NotFound("There is no plugin of this name.")
    return plugin


def _check_runnable(name: str, media_id: str) -> None:
    plugin = _plugin(name)
    if not plugin_settings.enabled(plugin):
        raise PluginNotConfigured()
    record = broker().media.get(tenant().name, media_id)
    if record.source_removed_at:
        raise SourceRemoved()
    kind = record.kind
    if kind not in plugin.media_types:
        detail = f"This plugin takes {', '.join(sorted(plugin.media_types))}; the file is of kind {kind}."
        raise InvalidInput(errors=[{"pointer": "/media_id", "detail": detail}])


def _show(plugin: Plugin) -> dict[str, Any]:
    return {
        "name": plugin.name,
        "description": plugin.description,
        "media_types": sorted(plugin.media_types),
        "installed_by": plugin.installed_by or None,
        "config_schema": current_api.ma_plugin.converter.schema2jsonschema(plugin.tenant_schema()),
    }
