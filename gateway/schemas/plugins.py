"""Plugins: what there is, and running one."""

from typing import Any

from marshmallow import ValidationError, fields

from broker.schema import Schema
from gateway.fields import Moment, check_representable
from gateway.schemas.members import nullable, required

#: Far more than any plugin has.
_MAX_SETTINGS = 100


def _check_few(config: dict[str, Any]) -> None:
    if len(config) > _MAX_SETTINGS:
        raise ValidationError(f"Must have at most {_MAX_SETTINGS} members.")


class PluginSettings(Schema):
    """Your settings of a plugin."""

    config = fields.Dict(
        keys=fields.String(),
        **required(
            "What you have set. Secrets are shown as ********, and kept when sent back so, unless a setting changes "
            "by which they could be sent elsewhere."
        ),
    )
    source = fields.String(
        **required("Whose settings are in force: yours, or the operator's while you have none.",
                   enum=["tenant", "operator", "none"])
    )  # fmt: skip
    enabled = fields.Boolean(**required("Whether they are complete."))


class PluginInfo(Schema):
    """A plugin."""

    name = fields.String(**required("What it is called by."))
    description = fields.String(**required("What it does."))
    media_types = fields.List(fields.String(), **required("Kinds of media it takes."))
    config_schema = fields.Dict(**required("Its settings, as JSON Schema."))
    enabled = fields.Boolean(**required("Whether its settings are complete."))
    runnable = fields.Boolean(
        **required("False while each live worker that runs plugins lacks what this one needs: install it there.")
    )
    installed_by = fields.String(
        **nullable("What installs that, as pip takes it; null where it does not say.", example="mindia-tasks[speech]")
    )
    settings = fields.Nested(PluginSettings, **nullable("Yours, as `/config` answers; null where they cannot be read."))
    settings_error = fields.String(**nullable("Why they cannot be read."))


class PluginList(Schema):
    """All plugins."""

    plugins = fields.List(fields.Nested(PluginInfo), required=True)


class PluginConfigUpdate(Schema):
    """All settings anew."""

    config = fields.Dict(
        validate=_check_few, **required("As the plugin's config_schema says.", maxProperties=_MAX_SETTINGS)
    )


class Execute(Schema):
    """Which file to run a plugin on."""

    media_id = fields.UUID(required=True, metadata={"description": "An uploaded file of your own."})
    deadline = Moment(
        validate=check_representable, metadata={"description": "As the `deadline` of a task, in the future."}
    )
