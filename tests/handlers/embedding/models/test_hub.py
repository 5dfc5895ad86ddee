"""Guards the question whether a model can be had by its public name: asked briefly, and only if it is not here."""

import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from tests.handlers.embedding.conftest import NEEDS

hub = pytest.importorskip("handlers.embedding.models.hub", reason=NEEDS, exc_type=ImportError)
constants = pytest.importorskip("huggingface_hub.constants", reason=NEEDS)


class Hub(BaseHTTPRequestHandler):
    """Knows the models ``owner/model`` and ``bert-base``."""

    asked: list[str]

    def do_GET(self) -> None:
        name = self.path.removeprefix("/api/models/").partition("?")[0]
        if self.path.startswith("/api/models/"):  # the library has questions of its own, too
            self.asked.append(name)
        known = name in ("owner/model", "bert-base")
        body = json.dumps({"id": name} if known else {"error": "Repository not found"}).encode()
        self.send_response(200 if known else 404)
        if not known:
            self.send_header("X-Error-Code", "RepoNotFound")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[list[str]]:
    """What a hub on this machine is asked for."""
    monkeypatch.setenv("SENTENCE_TRANSFORMERS_HOME", str(tmp_path))
    Hub.asked = []
    with ThreadingHTTPServer(("127.0.0.1", 0), Hub) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        monkeypatch.setattr(constants, "ENDPOINT", f"http://127.0.0.1:{server.server_port}")
        yield Hub.asked
        server.shutdown()
        thread.join()


def test_a_search_process_with_the_bundled_model_starts_without_what_asks_the_hub() -> None:
    imported = "import sys, handlers.embedding.search.opening; sys.exit('huggingface_hub' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", imported]).returncode == 0


def test_a_model_that_the_hub_has_may_be_fetched(asked: list[str]) -> None:
    hub.require("owner/model")
    assert asked == ["owner/model"]


def test_a_name_without_an_owner_is_sentence_transformers_own_or_an_old_one(asked: list[str]) -> None:
    hub.require("bert-base")
    assert asked == ["sentence-transformers/bert-base", "bert-base"]


def test_a_name_that_the_hub_does_not_know_is_refused(asked: list[str]) -> None:
    with pytest.raises(ValueError, match="no public model of this name"):
        hub.require("owner/modle")
    assert asked == ["owner/modle"]


def test_what_is_here_is_not_asked_for(asked: list[str], tmp_path: Path) -> None:
    stored = tmp_path / "models--owner--model"
    (stored / "snapshots" / "abc").mkdir(parents=True)
    (stored / "snapshots" / "abc" / "config.json").write_text("{}")
    (stored / "refs").mkdir()
    (stored / "refs" / "main").write_text("abc")
    hub.require("owner/model")
    assert asked == []


def test_a_hub_that_does_not_answer_is_not_waited_for(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SENTENCE_TRANSFORMERS_HOME", str(tmp_path))
    monkeypatch.setattr(hub, "_PATIENCE", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setattr(constants, "ENDPOINT", f"http://127.0.0.1:{silent.getsockname()[1]}")
        with pytest.raises(ValueError, match="not on this machine, and the hub"):
            hub.require("owner/model")
