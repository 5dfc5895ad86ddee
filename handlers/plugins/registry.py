"""Which plugins there are: installed packages' entry points, and those that ``PLUGINS`` names."""

import re
from collections.abc import Mapping
from typing import Any

from broker.media.records import KINDS
from broker.plugin import Plugin
from broker.tasks.catalogue import declared

PLUGINS_GROUP = "mindia_tasks.plugins"
#: A plugin's name is a part of URLs and, in capitals, of environment variables.
_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")


def load_plugins(environ: Mapping[str, str]) -> dict[str, Plugin]:
    """One instance of every plugin, by name. Raises ``ValueError`` that names what is wrong, and where it came from."""
    plugins: dict[str, Plugin] = {}
    origins: dict[str, str] = {}
    for origin, found in declared(PLUGINS_GROUP, environ.get("PLUGINS", "")):
        plugin = _instance(origin, found)
        if plugin.name in plugins:
            raise ValueError(f"two plugins are named {plugin.name!r}: {origins[plugin.name]} and {origin}")
        plugins[plugin.name], origins[plugin.name] = plugin, origin
    return dict(sorted(plugins.items()))


def _instance(origin: str, found: Any) -> Plugin:
    if not (isinstance(found, type) and issubclass(found, Plugin)):
        raise ValueError(f"{origin} is {found!r}, not a subclass of broker.plugin.Plugin")
    for attribute in ("name", "description", "media_types"):
        if not getattr(found, attribute, None):
            raise ValueError(f"{origin} sets no {attribute}")
    if not _NAME.fullmatch(found.name):
        raise ValueError(f"{origin}: plugin name {found.name!r} must match {_NAME.pattern}")
    if not found.media_types <= KINDS:
        raise ValueError(f"{origin}: media_types must be of {', '.join(sorted(KINDS))}")
    if unknown := (found.destination or frozenset()) - found.config_schema().fields.keys():
        raise ValueError(f"{origin}: destination names what is no setting: {', '.join(sorted(unknown))}")
    return found()
