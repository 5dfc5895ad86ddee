"""What tenants have set for plugins: one encrypted JSON object for each, write-only for everybody but its plugin."""

import json
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from redis import Redis

from broker.actor import Actor, argument
from broker.engine.connection import redis_errors
from broker.engine.keys import Keys
from broker.engine.scripts import Script
from broker.errors import TaskBrokerError
from broker.secrets.encryption import SecretBox, SecretKeyMissing, Undecryptable

#: Shown instead of a secret that is set.
MASK = "********"


class PluginConfigs:
    """Raises ``Unavailable`` without Redis, ``SecretKeyMissing`` without a key, ``Undecryptable`` under another."""

    def __init__(self, redis: "Redis", keys: Keys, secret_key: str) -> None:
        """``redis`` answers text; ``secret_key`` as in the environment, with older keys after commas."""
        self._redis = redis
        self._keys = keys
        self._box = SecretBox(secret_key)
        self._script = Script("put_plugin_config")

    def read(self, tenant: str, plugin: str) -> dict[str, Any] | None:
        """The tenant's settings, secrets included; ``None`` when it has none of its own."""
        with redis_errors():
            token: Any = self._redis.hget(self._keys.plugin_configs(tenant), plugin)
        return self._opened(tenant, plugin, token)

    def read_all(self, tenant: str, plugins: Sequence[str]) -> dict[str, dict[str, Any] | TaskBrokerError | None]:
        """As ``read``, by plugin, in one round trip; for settings that cannot be read what ``read`` would raise."""
        if not plugins:
            return {}
        with redis_errors():
            tokens: Any = self._redis.hmget(self._keys.plugin_configs(tenant), plugins)
        found: dict[str, dict[str, Any] | TaskBrokerError | None] = {}
        for plugin, token in zip(plugins, tokens, strict=True):
            try:
                found[plugin] = self._opened(tenant, plugin, token)
            except (SecretKeyMissing, Undecryptable) as error:
                found[plugin] = error
        return found

    def _opened(self, tenant: str, plugin: str, token: str | None) -> dict[str, Any] | None:
        if token is None:
            return None
        config: dict[str, Any] = self._box.decrypt(token, _label(tenant, plugin))
        return config

    def write(
        self,
        tenant: str,
        plugin: str,
        config: dict[str, Any],
        secrets: Collection[str] = (),
        by: Actor | None = None,
    ) -> None:
        """Replaces the tenant's settings. ``by`` and what is not among the ``secrets`` are told to the audit log."""
        token = self._box.encrypt(config, _label(tenant, plugin))
        before = self._described(tenant, plugin, secrets)
        self._put(tenant, plugin, token, before, json.dumps(masked(config, secrets)), by)

    def delete(self, tenant: str, plugin: str, secrets: Collection[str] = (), by: Actor | None = None) -> None:
        """Forgets the tenant's settings; the operator's are in force again."""
        self._put(tenant, plugin, "", self._described(tenant, plugin, secrets), "", by)

    def _put(self, tenant: str, plugin: str, token: str, before: str, after: str, by: Actor | None) -> None:
        values = {"tenant": tenant, "plugin": plugin, "config": token, "before": before, "after": after}
        with redis_errors():
            self._script(self._redis, prefix=self._keys.prefix, actor=argument(by), **values)

    def _described(self, tenant: str, plugin: str, secrets: Collection[str]) -> str:
        """The settings in force, for the audit log; empty when there are none, or none that can be read."""
        try:
            kept = self.read(tenant, plugin)
        except (SecretKeyMissing, Undecryptable):
            return ""
        return json.dumps(masked(kept, secrets)) if kept is not None else ""


def masked(config: Mapping[str, Any], secrets: Collection[str]) -> dict[str, Any]:
    """The settings as they may be shown."""
    return {name: MASK if name in secrets else value for name, value in config.items()}


def _label(tenant: str, plugin: str) -> str:
    return f"plugin {plugin} of {tenant}"
