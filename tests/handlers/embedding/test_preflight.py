"""Guards against an EMBED_MODEL that cannot work: it is refused at the start, in words, and costs no user a task."""

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from broker.broker import Broker
from broker.config import BrokerSettings
from broker.engine.transitions import Claimed
from broker.worker.child_state import ChildState
from broker.worker.outcome import Postponed
from broker.worker.run import RunContext, execute
from tests.handlers.embedding.conftest import NEEDS, Upload
from tests.waiting import wait_until

np = pytest.importorskip("numpy", reason=NEEDS)
preflight = pytest.importorskip("handlers.embedding.preflight", reason=NEEDS, exc_type=ImportError)
loaded = pytest.importorskip("handlers.embedding.loaded", reason=NEEDS, exc_type=ImportError)
safetensors = pytest.importorskip("safetensors.numpy", reason=NEEDS)

ROOT = Path(__file__).parents[3]
BUNDLED = "all-MiniLM-L6-v2"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Has what a model's folder has, as far as can be told without loading it."""
    made = tmp_path / "my model"
    made.mkdir()
    (made / "config.json").write_text("{}")
    safetensors.save_file({"a": np.ones(1000, np.float32)}, made / "model.safetensors")
    return made


@pytest.fixture
def nobody_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*arguments: object, **_: object) -> None:
        raise AssertionError(f"the network was asked: {arguments}")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


@pytest.mark.usefixtures("nobody_is_asked")
@pytest.mark.parametrize(
    ("chosen", "name"),
    [
        ("", BUNDLED),
        (" \t", BUNDLED),
        (f" {BUNDLED}\n", BUNDLED),
        (f"sentence-transformers/{BUNDLED}", f"sentence-transformers/{BUNDLED}"),
        ("all-minilm-l6-v2", "all-minilm-l6-v2"),
    ],
)
def test_the_bundled_model_is_taken_by_any_of_its_names(chosen: str, name: str) -> None:
    settings = preflight.check({"EMBED_MODEL": chosen})
    assert settings.folder == preflight.check({}).folder
    assert settings.name == name


@pytest.mark.usefixtures("nobody_is_asked")
def test_a_folder_is_taken_and_blanks_around_it_are_not(folder: Path) -> None:
    assert preflight.check({"EMBED_MODEL": f" {folder} "}).folder == folder


def cut_short(folder: Path) -> None:
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1])


def pointer(folder: Path) -> None:
    (folder / "model.safetensors").write_text(
        "version https://git-lfs.github.com/spec/v1\noid sha256:1\nsize 90868376\n"
    )


@pytest.mark.usefixtures("nobody_is_asked")
@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (lambda folder: (folder / "config.json").unlink(), "neither modules.json nor config.json"),
        (lambda folder: (folder / "model.safetensors").unlink(), "no weights"),
        (lambda folder: (folder / "model.safetensors").write_bytes(b""), "model.safetensors is damaged"),
        (lambda folder: (folder / "model.safetensors").write_bytes(b"\2" + b"\0" * 7 + b"[]"), "is damaged"),
        (cut_short, "model.safetensors is damaged, or only a part of it has arrived"),
        (pointer, "model.safetensors is damaged, or only a part of it has arrived"),
    ],
)
def test_a_folder_that_cannot_be_loaded_is_refused(folder: Path, spoil: Callable[[Path], None], says: str) -> None:
    spoil(folder)
    with pytest.raises(ValueError, match=says) as refused:
        preflight.check({"EMBED_MODEL": str(folder)})
    assert f"EMBED_MODEL={folder}" in str(refused.value)


@pytest.mark.usefixtures("nobody_is_asked")
@pytest.mark.parametrize("path", ["/nowhere/model", "./model", "a/b/c", "../up", "~/model", __file__])
def test_a_path_to_nothing_is_not_looked_for_elsewhere(path: str) -> None:
    with pytest.raises(ValueError, match="neither a folder nor the name of a model"):
        preflight.check({"EMBED_MODEL": path})


@pytest.fixture
def silent_hub() -> Iterator[str]:
    """A hub that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"


@pytest.mark.parametrize("chosen", ["/nowhere/model", "somebody/something"])
def test_the_process_ends_with_one_line_within_seconds(
    chosen: str, silent_hub: str, settings: BrokerSettings, tmp_path: Path
) -> None:
    """A worker and a search process, side by side: most of it is the time that the hub is given."""
    environ = {
        **os.environ,
        "REDIS_URL": settings.redis_url,
        "DATA_DIR": str(tmp_path),
        "EMBED_MODEL": chosen,
        "HF_ENDPOINT": silent_hub,
        "HF_HOME": str(tmp_path),
    }
    started = time.monotonic()
    pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    running: list[subprocess.Popen[str]] = []
    with ExitStack() as stack:
        for program in (["scripts.worker", "EmbeddingGeneration"], ["scripts.search"]):
            process = subprocess.Popen([sys.executable, "-m", *program], cwd=ROOT, env=environ, **pipes)
            stack.callback(process.kill)
            running.append(process)
        for process in running:
            out, err = process.communicate(timeout=60)
            assert (process.returncode, out) == (2, "")
            (line,) = err.splitlines()
            assert f"cannot start: EMBED_MODEL={chosen}" in line
            assert time.monotonic() - started < 30  # the hub has five; the rest is the machine's


def test_a_task_that_finds_no_model_is_given_back_and_the_log_says_why(
    broker: Broker,
    upload: Upload,
    folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    run = pytest.importorskip("handlers.embedding.run", reason=NEEDS, exc_type=ImportError)
    monkeypatch.setattr(run, "_encoder", loaded._Loaded())
    monkeypatch.setattr(loaded, "encoder", run._encoder)
    told: list[tuple[float, str]] = []
    monkeypatch.setenv("EMBED_MODEL", str(folder))
    (tmp_path / "a.txt").write_text("some text")
    record = upload(tmp_path / "a.txt", "document")
    payload = json.dumps({"entity_type": "document", "entity_id": record.id})
    claimed = Claimed("id", "EmbeddingGeneration", "acme", payload, 1, 60, 0, "")
    for _ in range(2):
        context = RunContext(broker, ChildState(), claimed, "execution", time.monotonic() + 60)
        monkeypatch.setattr(context, "progress", lambda *words: told.append(words))
        assert execute(lambda: run.embed, context, 60, 0) == Postponed(60_000_000)
    assert told == [(0, "loading the model")] * 2
    (said,) = [each.getMessage() for each in caplog.records if each.levelname == "ERROR"]
    assert f"EMBED_MODEL={folder} cannot be loaded" in said


def test_a_worker_says_what_it_makes(settings: BrokerSettings, tmp_path: Path, folder: Path) -> None:
    generations = Broker(settings, {}).generations
    environ = {**os.environ, "REDIS_URL": settings.redis_url, "DATA_DIR": str(tmp_path), "EMBED_MODEL": str(folder)}
    environ["WORKER_PROCESSES"] = "1"
    with subprocess.Popen([sys.executable, "-m", "scripts.worker", "EmbeddingGeneration"], env=environ) as worker:
        wait_until(generations.want, "the worker has told what it makes")
        worker.kill()
    tag = preflight.check(environ).tag
    assert (generations.want(), generations.location(tag)) == (tag, str(folder))
