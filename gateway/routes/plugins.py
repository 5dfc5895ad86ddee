"""``/api/plugins``: what there is, and running one on an uploaded file."""

from functools import partial
from typing import Any

from flask import Response
from flask_smorest import current_api

from broker.errors import InvalidInput, NotFound, TaskBrokerError
from broker.plugin import Plugin
from broker.task import NewTask
from gateway.blueprint import Blueprint
from gateway.current import broker, services, tenant
from gateway.idempotency import IdempotencyHeader, once
from gateway.routes.answers import LOCATION
from gateway.routes.tasks import submit
from gateway.schemas.plugins import Execute, PluginList
from gateway.schemas.tasks import TaskDetail

blueprint = Blueprint(
    "plugins", __name__, url_prefix="/api/plugins", description="What plugins there are, and running one."
)


class PluginNotConfigured(TaskBrokerError):
    """This plugin lacks settings; see its config_schema."""

    code, status = "plugin_not_configured", 409


@blueprint.get("")
@blueprint.response(200, PluginList)
def list_plugins() -> dict[str, list[dict[str, Any]]]:
    """List plugins"""
    return {"plugins": [_show(plugin) for plugin in services().plugins.values()]}


@blueprint.post("/<name>/execute")
@blueprint.arguments(Execute)
@blueprint.arguments(IdempotencyHeader, location="headers")
@blueprint.response(201, TaskDetail, headers=LOCATION)
@blueprint.problems(404, 409)
def execute_plugin(body: dict[str, Any], headers: dict[str, Any], name: str) -> Response:
    """Run a plugin on a file

    Plugin, settings and file are checked now; the work is a PluginExecution task.
    """
    media_id = str(body["media_id"])
    _check(name, media_id)
    new = NewTask("PluginExecution", {"plugin_name": name, "media_id": media_id, "tenant_id": tenant().name})
    return once(headers, lambda: media_id, partial(submit, new))


def _check(name: str, media_id: str) -> None:
    plugin = services().plugins.get(name)
    if plugin is None:
        raise NotFound("There is no plugin of this name.")
    if not plugin.enabled(services().settings.environ):
        raise PluginNotConfigured()
    kind = broker().media.get(tenant().name, media_id).kind
    if kind not in plugin.media_types:
        detail = f"This plugin takes {', '.join(sorted(plugin.media_types))}; the file is of kind {kind}."
        raise InvalidInput(errors=[{"pointer": "/media_id", "detail": detail}])


def _show(plugin: Plugin) -> dict[str, Any]:
    return {
        "name": plugin.name,
        "description": plugin.description,
        "media_types": sorted(plugin.media_types),
        "config_schema": current_api.ma_plugin.converter.schema2jsonschema(plugin.config_schema()),
        "enabled": plugin.enabled(services().settings.environ),
    }
