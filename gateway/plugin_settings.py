"""A tenant's settings of a plugin: checked by the plugin's own schema, and shown without what is secret in them."""

from collections.abc import Collection
from typing import Any

from marshmallow import ValidationError

from broker.defects import pointers
from broker.errors import InvalidInput, TaskBrokerError
from broker.plugin import Plugin
from broker.plugins.configs import MASK, masked
from gateway.current import actor, broker, services, tenant

# The mask, sent back, leaves the secret as it is, as long as it goes where it went.


def tenant_config(plugin: Plugin) -> dict[str, Any] | None:
    """What the caller's tenant has set, secrets included; ``None`` when it has set nothing."""
    return broker().plugin_configs.read(tenant().name, plugin.name)


def enabled(plugin: Plugin) -> bool:
    """Whether the plugin's settings are complete for the caller's tenant. Raises what reading them raises."""
    return plugin.enabled(services().settings.environ, tenant_config(plugin))


def show(plugin: Plugin) -> dict[str, Any]:
    """The settings as the API shows them: secrets masked, and of the operator's only whether they are complete."""
    return _shown(plugin, tenant_config(plugin))


def show_all(plugins: Collection[Plugin]) -> list[dict[str, Any]]:
    """Of each plugin ``settings`` as by ``show`` and whether it is ``enabled``, or why they cannot be read."""
    kept = broker().plugin_configs.read_all(tenant().name, [each.name for each in plugins])
    found: list[dict[str, Any]] = []
    for plugin in plugins:
        config = kept[plugin.name]
        if isinstance(config, TaskBrokerError):
            found.append({"enabled": False, "settings": None, "settings_error": config.message})
        else:
            settings = _shown(plugin, config)
            found.append({"enabled": settings["enabled"], "settings": settings, "settings_error": None})
    return found


def _shown(plugin: Plugin, kept: dict[str, Any] | None) -> dict[str, Any]:
    environ = services().settings.environ
    operators = "operator" if plugin.enabled(environ) else "none"
    return {
        "source": operators if kept is None else "tenant",
        "enabled": plugin.enabled(environ, kept),
        "config": masked(kept or {}, plugin.secrets()),
    }


def store(plugin: Plugin, config: dict[str, Any]) -> None:
    """Replaces the tenant's settings. Raises ``InvalidInput``, which names settings and never values."""
    merged = _unmasked(plugin, config)
    try:
        plugin.tenant_schema().load(merged)
    except ValidationError as error:
        raise InvalidInput(errors=pointers(error.normalized_messages(), "/config")) from None
    broker().plugin_configs.write(tenant().name, plugin.name, merged, plugin.secrets(), actor())


def _unmasked(plugin: Plugin, config: dict[str, Any]) -> dict[str, Any]:
    """The settings with the secrets that masks stand for. Raises ``InvalidInput`` for a mask that keeps nothing."""
    masked = sorted(name for name in plugin.secrets() if config.get(name) == MASK)
    if not masked:
        return config
    kept = tenant_config(plugin) or {}
    merged = {**config, **{name: kept[name] for name in masked if name in kept}}
    unset = f"{MASK} stands for a secret that is set, but none is; send the secret itself."
    errors = [{"pointer": f"/config/{name}", "detail": unset} for name in masked if name not in kept]
    if moved := plugin.redirected_by(kept, merged):
        detail = f"By the change of {', '.join(moved)} this secret may be sent elsewhere: give the secret again."
        errors += [{"pointer": f"/config/{name}", "detail": detail} for name in masked if name in kept]
    if errors:
        raise InvalidInput(errors=errors)
    return merged
