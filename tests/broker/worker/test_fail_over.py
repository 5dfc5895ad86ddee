"""Guards what a fail-over of Redis does: every process goes on with the server that has taken over, by itself."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
import rq_dashboard.web
from redis import Redis

from broker.broker import Broker
from broker.config import BrokerSettings
from broker.doctor.server import server_findings
from broker.errors import Unavailable
from broker.live.live import Live
from broker.task import NewTask
from scripts.dashboard import plain_pickle
from scripts.dashboard.app import create_app
from scripts.dashboard.settings import DashboardSettings
from tests.broker.worker.harness import TENANT, Formation
from tests.broker.worker.task_types import TYPES
from tests.endpoint import Endpoint, endpoint
from tests.sentinels import Service, follows, service
from tests.servers import SERVER, own_port, own_server
from tests.waiting import wait_until


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with service(tmp_path_factory.mktemp("service")) as running:
        yield running


def test_sentinels_name_the_server_and_the_one_that_takes_over(watched: Service, tmp_path: Path) -> None:
    """Worker and daemon are the same processes before and after; what was acknowledged is on the replica."""
    with Formation(tmp_path, watched.url, DURABILITY="fsync+replicas:1") as formation:
        daemon, worker = formation.daemon(), formation.worker()
        held = formation.submit("hold", path=str(formation.file("go")))
        formation.until_started(held)
        waiting = [formation.submit("answer", value=number) for number in range(20)]
        listener = Live(watched.url, formation.broker.keys)
        heard: list[str] = []
        subscription = listener.subscribe(TENANT)
        subscription.begin(lambda events: heard.extend(event.task_id for event in events), subscription.start)
        children = worker.children

        dead = watched.kill_main()
        watched.until_another_is_main(dead)
        watched.come_back(dead)
        late = _submitted(formation)
        formation.file("go").touch()
        for each in (held, *waiting, late):
            formation.until_status(each, "completed", seconds=60)
        assert worker.children == children
        assert daemon.alive
        wait_until(lambda: late in heard, "events of the server that took over are heard")
        listener.stop()


def _submitted(formation: Formation) -> str:
    """By a client that was connected to the former server."""
    found: list[str] = []

    def submit() -> bool:
        try:
            found.append(formation.submit("answer", value=1))
        except Unavailable:
            return False
        return True

    formation.until(submit, "submissions are taken again", seconds=60)
    return found[0]


def test_the_dashboard_finds_it_too(watched: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plain_pickle, "install", lambda: None)  # it would hold for all tests that follow
    monkeypatch.setattr(rq_dashboard.web, "from_url", rq_dashboard.web.from_url)  # put back afterwards
    page = create_app(DashboardSettings(watched.url)).test_client()
    assert page.get("/0/data/queues.json").status_code == 200


def test_a_service_that_sentinels_do_not_know_is_said_in_words(watched: Service) -> None:
    unknown = watched.url.replace("/tasks/0", "/other/0")
    line = _refused(unknown)
    assert line.startswith("other (Sentinels 127.0.0.1:")
    assert "no Sentinel that answers names a main server of 'other': the service has another name" in line
    nobody = f"redis+sentinel://:secret@127.0.0.1:{own_port()}/tasks/0"
    line = _refused(nobody)
    assert "no Sentinel answers" in line
    assert "secret" not in line


def _refused(url: str) -> str:
    broker = Broker(BrokerSettings(url), {})
    ((line,), _) = server_findings(broker)
    broker.redis.close()
    return line


@pytest.fixture
def managed(tmp_path: Path) -> Iterator[tuple[Endpoint, Redis, Redis]]:
    """A name, the server behind it, and its replica."""
    with (
        own_server({**SERVER, "repl-diskless-sync-delay": "0"}) as first,
        own_server({**SERVER, "repl-diskless-sync-delay": "0"}) as second,
        Redis(port=first.port, decode_responses=True) as main,
        Redis(port=second.port, decode_responses=True) as replica,
        endpoint(first.port) as name,
    ):
        replica.replicaof("127.0.0.1", first.port)
        wait_until(lambda: follows(main, 1), "the replica follows", 60)
        yield name, main, replica


def test_a_name_that_comes_to_mean_another_server(managed: tuple[Endpoint, Redis, Redis], tmp_path: Path) -> None:
    """The former server goes on as a replica and closes no connection: only its READONLY tells."""
    name, main, replica = managed
    with Formation(tmp_path, name.url) as formation:
        daemon, worker = formation.daemon(), formation.worker()
        port = own_port()
        gateway = formation.gateway(port, API_KEYS=f"{TENANT}:0123456789abcdef")
        api = requests.Session()
        api.headers["Authorization"] = "Bearer 0123456789abcdef"
        events = api.get(f"http://127.0.0.1:{port}/api/events", stream=True, timeout=60)
        lines = events.iter_lines()
        formation.until_status(formation.submit("answer", value=1), "completed")
        later = formation.submit("answer", value=2, options={"delay_seconds": 1})
        held = formation.submit("hold", path=str(formation.file("go")))
        formation.until_started(held)
        children = worker.children

        main.set("test:last", "")  # what comes before it is there as well, once this is
        assert main.wait(1, 60_000) == 1
        main_port, replica_port = (each.connection_pool.connection_kwargs["port"] for each in (main, replica))
        replica.replicaof("NO", "ONE")
        name.target = replica_port
        main.replicaof("127.0.0.1", replica_port)
        wait_until(lambda: follows(replica, 1), "the former server follows", 60)
        body = {"type": "Act", "payload": {"act": "answer", "args": {"value": 3}}}
        created = formation.until(
            lambda: (answer := api.post(f"http://127.0.0.1:{port}/api/tasks", json=body, timeout=30)).ok and answer,
            "the gateway takes tasks again",
        )
        new = created.json()["id"]
        formation.file("go").touch()
        for each in (held, later, new):
            formation.until_status(each, "completed")
        told = (json.loads(line[6:]) for line in lines if line.startswith(b"data: ") and new.encode() in line)
        assert next(told)
        assert [worker.children, daemon.alive, gateway.alive] == [children, True, True]
        replica.replicaof("127.0.0.1", main_port)  # what is written to neither is asked by nobody
        with pytest.raises(Unavailable, match="can only be read"):
            formation.broker.tasks.submit(TENANT, NewTask("Act", {"act": "answer", "args": {}}))
        replica.replicaof("NO", "ONE")
        events.close()


def test_what_is_read_after_a_fail_over_is_the_new_servers(
    managed: tuple[Endpoint, Redis, Redis],
) -> None:
    """One refused write, and no connection of the process is left on the former server."""
    name, main, replica = managed
    broker = Broker.connect(BrokerSettings(name.url), TYPES)
    assert broker.tasks.page(TENANT).total == 0
    wait_until(lambda: replica.scard(broker.keys.types()) == len(TYPES), "the replica knows the types")
    replica.replicaof("NO", "ONE")
    name.target = replica.connection_pool.connection_kwargs["port"]
    main.replicaof("127.0.0.1", 1)  # it follows nobody
    task, _ = broker.tasks.submit(TENANT, NewTask("Act", {"act": "answer", "args": {}}))
    assert broker.tasks.page(TENANT).total == 1
    assert replica.exists(broker.keys.job(task.id))
