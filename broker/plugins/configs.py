"""What tenants have set for plugins: one encrypted JSON object for each, write-only for everybody but its plugin."""

from typing import Any

from redis import Redis

from broker.engine.connection import redis_errors
from broker.engine.keys import Keys
from broker.secrets.encryption import SecretBox


class PluginConfigs:
    """Raises ``Unavailable`` without Redis, ``SecretKeyMissing`` without a key, ``Undecryptable`` under another."""

    def __init__(self, redis: "Redis", keys: Keys, secret_key: str) -> None:
        """``redis`` answers text; ``secret_key`` as in the environment, with older keys after commas."""
        self._redis = redis
        self._keys = keys
        self._box = SecretBox(secret_key)

    def read(self, tenant: str, plugin: str) -> dict[str, Any] | None:
        """The tenant's settings, secrets included; ``None`` when it has none of its own."""
        with redis_errors():
            token: Any = self._redis.hget(self._keys.plugin_configs(tenant), plugin)
        if token is None:
            return None
        config: dict[str, Any] = self._box.decrypt(token, _label(tenant, plugin))
        return config

    def write(self, tenant: str, plugin: str, config: dict[str, Any]) -> None:
        """Replaces the tenant's settings."""
        token = self._box.encrypt(config, _label(tenant, plugin))
        with redis_errors():
            self._redis.hset(self._keys.plugin_configs(tenant), plugin, token)

    def delete(self, tenant: str, plugin: str) -> None:
        """Forgets the tenant's settings; the operator's are in force again."""
        with redis_errors():
            self._redis.hdel(self._keys.plugin_configs(tenant), plugin)


def _label(tenant: str, plugin: str) -> str:
    return f"plugin {plugin} of {tenant}"
