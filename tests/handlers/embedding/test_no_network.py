"""Guards that embedding and searching by the bundled model ask nobody but Redis, in processes as they are started."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from broker.broker import Broker
from broker.errors import Unavailable
from broker.search.request import SearchRequest
from broker.status import Status
from tests.handlers.embedding.conftest import NEEDS, Upload
from tests.handlers.embedding.test_run import film, song
from tests.waiting import wait_until

pytest.importorskip("handlers.embedding.run", reason=NEEDS, exc_type=ImportError)

ROOT = Path(__file__).parents[3]
#: Python imports it when it starts, in every process below the first one too.
GUARD = """
import sys

_ASKED = {log!r}

def _note(event, arguments):
    if event in ("socket.getaddrinfo", "socket.gethostbyname"):
        where = arguments[0]
    elif event in ("socket.connect", "socket.sendto", "socket.sendmsg"):
        where = arguments[1][0] if isinstance(arguments[1], tuple) else "localhost"
    else:
        return
    if where not in ("127.0.0.1", "::1", "localhost", "", None):
        with open(_ASKED, "a") as log:
            log.write(f"{{event}} {{where}}\\n")

sys.addaudithook(_note)
"""


@pytest.fixture
def asked(tmp_path: Path) -> Path:
    """Names of whom the processes ask that find this file's folder on their path."""
    folder = tmp_path / "guard"
    folder.mkdir()
    log = folder / "asked"
    log.touch()
    (folder / "sitecustomize.py").write_text(GUARD.format(log=str(log)))
    return log


def environ(broker: Broker, asked: Path, model: str) -> dict[str, str]:
    return {
        **{name: value for name, value in os.environ.items() if not name.startswith(("HF_", "TRANSFORMERS_"))},
        "PYTHONPATH": f"{asked.parent}{os.pathsep}{ROOT}",
        "REDIS_URL": broker.settings.redis_url,
        "DATA_DIR": str(broker.settings.data_dir),
        "HF_HOME": str(asked.parent / "hub"),
        "HF_ENDPOINT": "http://hub.invalid",
        "EMBED_MODEL": model,
        "WORKER_PROCESSES": "1",
    }


@contextmanager
def running(env: dict[str, str], *program: str) -> Iterator[None]:
    with subprocess.Popen([sys.executable, "-m", *program], cwd=ROOT, env=env) as process:
        try:
            yield
        finally:
            process.terminate()


def found(broker: Broker) -> set[str]:
    try:
        hits = broker.search.search(SearchRequest("acme", "a cat", limit=10, min_relevance=0.0)).hits
    except Unavailable:  # the search process is not ready yet
        return set()
    return {hit.entity_id for hit in hits}


def test_without_a_models_name_nobody_but_redis_is_asked(
    broker: Broker, upload: Upload, asked: Path, photos: dict[str, Path], tmp_path: Path
) -> None:
    (tmp_path / "a.txt").write_text("The roof needs repair before winter.")
    uploads = [
        upload(photos["chelsea.png"], "image"),
        upload(film(tmp_path / "a.mp4", [photos["coffee.png"]]), "video"),
        upload(song(tmp_path / "a.m4a", title="Night trains"), "audio"),
        upload(tmp_path / "a.txt", "document"),
    ]

    def embedded() -> bool:
        tasks = broker.tasks.page("acme").tasks
        assert not [task.error for task in tasks if task.status == Status.FAILED]
        return all(task.status == Status.COMPLETED for task in tasks)

    env = environ(broker, asked, "")
    with running(env, "scripts.worker", "EmbeddingGeneration"), running(env, "scripts.search"):
        wait_until(embedded, "everything is embedded", 120)
        wait_until(lambda: found(broker) == {each.id for each in uploads}, "all are found", 120)
    assert asked.read_text() == ""


def test_a_models_name_is_asked_for_and_refused_at_the_start_where_nobody_answers(broker: Broker, asked: Path) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "scripts.worker", "EmbeddingGeneration"],
        cwd=ROOT,
        env=environ(broker, asked, "somebody/something"),
        capture_output=True,
        text=True,
        timeout=120,
    )
    (line,) = ended.stderr.splitlines()
    assert (ended.returncode, "EMBED_MODEL=somebody/something cannot be used" in line) == (2, True), line
    assert "hub.invalid" in asked.read_text()
