"""Which plugins cannot run on this machine, because what they need is not installed."""

from collections.abc import Mapping
from importlib.util import find_spec

from broker.plugin import Plugin
from broker.plugins.installed_plugins import load_plugins


def missing(plugin: Plugin) -> list[str]:
    """Modules that it needs and that are not here."""
    return [module for module in plugin.requires if find_spec(module) is None]


def lacking(environ: Mapping[str, str]) -> list[str]:
    """The names of these plugins. Raises ``BadSettings``."""
    return [name for name, plugin in load_plugins(environ).items() if missing(plugin)]
