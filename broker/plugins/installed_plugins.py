"""Which plugins there are: installed packages' entry points, and those that ``PLUGINS`` names."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from broker.environment.reading import BadSettings, read_one
from broker.media.records import KINDS
from broker.plugin import Plugin
from broker.tasks.installed_types import declared

PLUGINS_GROUP = "mindia_tasks.plugins"
#: A plugin's name is a part of URLs and, in capitals, of environment variables.
_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")


def load_plugins(environ: Mapping[str, str]) -> dict[str, Plugin]:
    """One instance of every plugin, by name. Raises ``BadSettings`` with all that is wrong."""
    plugins, problems = find_plugins(environ)
    if problems:
        raise BadSettings(problems)
    return plugins


def find_plugins(environ: Mapping[str, str]) -> tuple[dict[str, Plugin], list[str]]:
    """The plugins that can be used, by name, and a line for each thing that is wrong.

    That is with them, where they came from, or what the operator has set for them.
    """
    found, problems = declared(PLUGINS_GROUP, "PLUGINS", read_one(environ, "PLUGINS"))
    plugins: dict[str, Plugin] = {}
    origins: dict[str, str] = {}
    for origin, each in found:
        if defect := _defect(each):
            problems.append(f"{origin}: {defect}")
        elif each.name in plugins:
            problems.append(f"two plugins are named {each.name!r}: {origins[each.name]} and {origin}")
        else:
            plugins[each.name], origins[each.name] = each(), origin
            problems += bad_settings(plugins[each.name], environ)
    return dict(sorted(plugins.items())), problems


def variables(plugin: Plugin) -> list[str]:
    """Names of the environment variables in which the operator sets it up."""
    return [f"{plugin.name}_{name}".upper() for name in plugin.config_schema().fields]


def bad_settings(plugin: Plugin, environ: Mapping[str, str]) -> Iterator[str]:
    """A line for each of the operator's settings that is wrong. Those that are missing leave the plugin to tenants."""
    errors = plugin.config_schema(partial=True).validate(plugin.config(environ))
    for name, messages in errors.items():
        yield f"{plugin.name}_{name}".upper() + f": {' '.join(_flat(messages))}"


def _flat(messages: Any) -> Iterator[str]:
    """The texts in marshmallow's nested messages."""
    if isinstance(messages, dict):
        messages = list(messages.values())
    if not isinstance(messages, list):
        yield str(messages)
        return
    for each in messages:
        yield from _flat(each)


def _defect(found: Any) -> str | None:
    if not (isinstance(found, type) and issubclass(found, Plugin)):
        return f"this is {found!r}, not a subclass of broker.plugin.Plugin"
    for attribute in ("name", "description", "media_types"):
        if not getattr(found, attribute, None):
            return f"it sets no {attribute}"
    if not _NAME.fullmatch(found.name):
        return f"plugin name {found.name!r} must match {_NAME.pattern}"
    if not found.media_types <= KINDS:
        return f"media_types must be of {', '.join(sorted(KINDS))}"
    if unknown := (found.destination or frozenset()) - found.config_schema().fields.keys():
        return f"destination names what is no setting: {', '.join(sorted(unknown))}"
    return None
