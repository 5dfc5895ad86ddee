"""Guards what a 2xx means: gateways are killed in mid-submit by the hundred, or their server is full or hangs."""

import random
import signal
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest

from tests.broker.worker.client import API_KEYS, Client
from tests.broker.worker.harness import TENANT, Formation, Process, send
from tests.scale import examples
from tests.servers import own_port
from tests.system.ledger import Fault, Ledger

pytestmark = [pytest.mark.faults, pytest.mark.timeout(3600)]

_CLIENTS = 8


@pytest.fixture
def port() -> int:
    return own_port()


@pytest.fixture
def client(port: int) -> Client:
    return Client(f"http://127.0.0.1:{port}")


@contextmanager
def submitting(client: Client) -> Iterator[None]:
    """Clients that submit one task after another as long as the block lasts, each until it is answered."""
    stop = threading.Event()

    def submit() -> None:
        while not stop.is_set():
            client.submit()

    with ThreadPoolExecutor(_CLIENTS) as pool:
        running = [pool.submit(submit) for _ in range(_CLIENTS)]
        try:
            yield
        finally:
            stop.set()
        for each in running:
            each.result()


def acknowledged(client: Client) -> int:
    return sum(map(len, list(client.answers.values())))


def until_drained(formation: Formation) -> None:
    def drained() -> bool:
        counts = formation.broker.tasks.stats(TENANT).by_status
        return not counts["pending"] + counts["scheduled"] + counts["processing"]

    formation.until(drained, "all work has ended", seconds=120)


def test_gateways_killed_in_mid_submit(formation: Formation, port: int, client: Client) -> None:
    """One of its processes or all of them; a request counts as dead after a second here, not after thirty."""
    luck = random.Random(10)
    options = {"API_KEYS": API_KEYS, "TEST_RUNNING": 1}
    formation.daemon()
    formation.worker(WORKER_PROCESSES=2)
    gateway = formation.gateway(port, **options)
    ledger = Ledger(formation)
    with submitting(client):
        for _ in range(examples(10)):
            before = acknowledged(client)
            formation.until(
                lambda before=before: acknowledged(client) > before + 8, "requests are answered", seconds=60
            )
            time.sleep(luck.uniform(0, 0.05))  # the moment of the blow, at random
            kind = luck.choice(("gateway process killed", "gateway process killed", "gateway killed"))
            ledger.faults.append(Fault(kind, time.monotonic()))
            if kind == "gateway killed":
                gateway.kill_tree()
                gateway.wait(5)
                gateway = formation.gateway(port, **options)
            else:
                send(luck.choice(_children(formation, gateway)), signal.SIGKILL)
    print(f"\n  seed 10, {len(client.answers)} keys, {client.repeats} repeats")
    assert client.repeats, "no request was struck"
    assert {len(ids) for ids in client.answers.values()} == {1}
    ledger.acknowledged = [task_id for ids in client.answers.values() for task_id in ids]
    until_drained(formation)
    ledger.settle(reruns=False)


def _children(formation: Formation, gateway: Process) -> list[int]:
    return formation.until(lambda: gateway.children, "the gateway has processes")


@pytest.mark.parametrize("fault", ["full", "hung for 10 s"])
def test_a_server_that_takes_nothing_is_told_by_503(
    formation: Formation, port: int, client: Client, fault: str
) -> None:
    """With Retry-After; what is accepted runs on, and when it is over every waiting client gets its one task."""
    formation.daemon()
    workers = [formation.worker(WORKER_PROCESSES=2) for _ in range(2)]
    formation.gateway(port, API_KEYS=API_KEYS)
    ledger, redis = Ledger(formation), formation.broker.redis
    server: int = redis.info("server")["process_id"]
    go = formation.file("go")
    running = [client.submit("hold", path=str(go)) for _ in range(2)]
    for task_id in running:
        formation.until_started(task_id)
    children = [worker.children for worker in workers]
    with submitting(client):
        formation.until(lambda: acknowledged(client) > 30, "requests are answered")
        ledger.faults.append(Fault(f"Redis {fault}", time.monotonic()))
        if fault == "full":
            redis.config_set("maxmemory", 1)
            formation.until(lambda: len(client.refusals) > 20, "requests are refused")
            go.touch()
            for task_id in running:
                formation.until_status(task_id, "completed")
            redis.config_set("maxmemory", 0)
        else:
            send(server, signal.SIGSTOP)
            time.sleep(10)
            send(server, signal.SIGCONT)
            go.touch()
        before = acknowledged(client)
        formation.until(lambda: acknowledged(client) > before + 30, "requests are answered again", seconds=60)
    print(f"\n  {len(client.refusals)} x 503, Retry-After {sorted(set(client.refusals), key=int)}")
    assert client.refusals and all(int(seconds) >= 1 for seconds in client.refusals)
    assert [worker.children for worker in workers] == children
    ledger.acknowledged = [task_id for ids in client.answers.values() for task_id in ids]
    until_drained(formation)
    ledger.settle(reruns=False)
