"""A folder with a Procfile of tiny programs, and runs of it."""

import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import rq.job
from rq.serializers import DefaultSerializer

from scripts.formation.valkey import EmbeddedValkey
from tests.broker.worker.conftest import durable, formation, formation_of
from tests.servers import own_port
from tests.system.real_stack import RealStack
from tests.system.running import REPOSITORY, Run

__all__ = ["durable", "formation", "formation_of"]

PROGRAMS = Path(__file__).parent / "programs"
Start = Callable[..., Run]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A working directory whose Procfile names a web process and a worker."""
    lines = [
        f"{name}: {sys.executable} {PROGRAMS / program}.py" for name, program in (("web", "web"), ("worker", "steady"))
    ]
    (tmp_path / "Procfile").write_text("\n".join(lines) + "\n")
    return tmp_path


@pytest.fixture
def start(folder: Path) -> Iterator[Start]:
    """Starts a run in the folder, on a free port; whatever it leaves is killed after the test."""
    runs: list[Run] = []

    def begin(**environ: str) -> Run:
        run = Run(folder, {"PORT": str(own_port()), **environ})
        runs.append(run)
        return run

    yield begin
    for run in runs:
        run.clean_up()


@pytest.fixture(autouse=True)
def rq_loads_what_it_did(monkeypatch: pytest.MonkeyPatch) -> None:
    """A dashboard in this process has all of RQ load plain values alone, which is to end with its test."""
    monkeypatch.setattr(DefaultSerializer, "loads", DefaultSerializer.loads)
    monkeypatch.setattr(rq.job, "import_attribute", rq.job.import_attribute)


@pytest.fixture(scope="session")
def real_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealStack]:
    """The project's own Procfile, running; ended as Ctrl-C ends it."""
    data_dir, port = tmp_path_factory.mktemp("stack"), own_port()
    run = Run(REPOSITORY, {"PORT": str(port), "DATA_DIR": str(data_dir)})
    try:
        run.wait_until_ready()
        key = (data_dir / "api_key").read_text().strip()
        redis_url = EmbeddedValkey(data_dir / "valkey").url
        yield RealStack(run, f"http://127.0.0.1:{port}", key, str(data_dir), redis_url)
        run.signal(signal.SIGINT)
        assert run.wait() == 0
    finally:
        run.clean_up()
