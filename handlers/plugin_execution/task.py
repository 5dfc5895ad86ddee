"""The task type of plugin runs."""

from marshmallow import fields, validate

from broker.schema import Schema
from broker.task_type import TaskType


class PluginPayload(Schema):
    """Which plugin runs on which file."""

    plugin_name = fields.String(required=True, validate=validate.Length(1, 64))
    media_id = fields.UUID(required=True)
    #: The caller's own tenant, as its name or its UUID; the plugin runs for the task's tenant, whatever stands here.
    tenant_id = fields.String(validate=validate.Length(1, 255))


class PluginFile(Schema):
    """A file that the plugin has made."""

    name = fields.String(required=True)
    size = fields.Integer(required=True)


class PluginResult(Schema):
    """What the plugin answered."""

    plugin_name = fields.String(required=True)
    media_id = fields.UUID(required=True)
    data = fields.Dict(keys=fields.String(), required=True)
    #: What it has made beside that; the media file's detail has links to them.
    files = fields.List(fields.Nested(PluginFile), required=True)


PLUGIN_EXECUTION = TaskType(
    name="PluginExecution",
    payload=PluginPayload,
    handler="handlers.plugin_execution.run:execute",
    rate=1.0,
    burst=2,
    result=PluginResult,
    machine="handlers.plugin_execution.machine:lacking",
)
