"""What goes wrong is one line that says what to do, and a status for scripts; never a traceback."""

import http.server
import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import pytest

from broker.broker import Broker
from scripts.cli.access import find_access
from scripts.cli.failure import Failure
from tests.gateway.media import MP4
from tests.gateway.work import fail
from tests.scripts.cli.conftest import Mindia
from tests.scripts.cli.test_tasks import submit


@contextmanager
def answering(status: int, content_type: str, body: bytes, **headers: str) -> Iterator[str]:
    """A server that is none of ours."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            for name, value in {"Content-Type": content_type, "Content-Length": str(len(body)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()


@pytest.fixture
def nobody() -> Iterator[str]:
    """An address at which nothing listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{taken.getsockname()[1]}"


def test_no_gateway(mindia: Mindia, nobody: str) -> None:
    said = mindia("list", "--url", nobody)
    assert said == (6, "", f"error: Nobody answers at {nobody} (Connection refused): check --url.\n")


def test_an_option_like_no_other_suggests_nothing(mindia: Mindia) -> None:
    assert mindia("upload", "--delay", "3", "x").err == "error: No such option '--delay'. See mindia upload --help.\n"
    assert "Did you mean '--wait'?" in mindia("upload", "--waitt", "x").err


def test_without_a_key_it_says_which_folder_was_looked_in(
    mindia: Mindia, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("MINDIA_KEY", "MINDIA_URL", "DATA_DIR"):
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    assert f"(nothing was, in {tmp_path / '.data'})" in mindia("list").err


def test_something_else_answers(mindia: Mindia) -> None:
    with answering(200, "text/html", b"<h1>It works!</h1>") as other:
        said = mindia("list", "--url", other)
    assert said.status == 6
    assert said.err.splitlines() == [
        f"error: What answers at {other} (from --url) is no Mindia Tasks gateway (200 text/html): set MINDIA_URL."
    ]


@pytest.mark.parametrize(("status", "words"), [(502, "is away (502): try again."), (404, "is no Mindia Tasks gateway")])
def test_a_proxy_without_its_gateway(mindia: Mindia, status: int, words: str) -> None:
    with answering(status, "text/html", b"<h1>Bad gateway</h1>") as proxy:
        said = mindia("queues", "--url", proxy)
    assert said.status == 6
    assert words in said.err


def test_a_redirect_is_told_not_followed(mindia: Mindia) -> None:
    with answering(301, "text/html", b"", Location="https://tasks.example.com/") as former:
        said = mindia("list", "--url", former)
    assert said.status == 6
    assert "redirects to https://tasks.example.com/: set MINDIA_URL" in said.err


def test_the_rest_of_a_retry_is_told(mindia: Mindia) -> None:
    problem = {"status": 429, "code": "queue_full", "detail": "Too many tasks wait.", "retry_after": 11.2}
    with answering(429, "application/problem+json", json.dumps(problem).encode()) as full:
        said = mindia("list", "--url", full)
    assert said == (7, "", "error: Too many tasks wait. Try again in 12 s.\n")


def test_a_key_that_nobody_has(mindia: Mindia, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MINDIA_KEY", "wrong")
    said = mindia("list")
    assert (said.status, said.out) == (4, "")
    assert said.err == "error: The gateway does not know the key from MINDIA_KEY: set MINDIA_KEY to a valid one.\n"


def test_another_key_of_netrc_is_not_sent(mindia: Mindia, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login someone password secret\n")
    monkeypatch.setenv("NETRC", str(netrc))
    assert mindia("list").status == 0


def test_no_key(mindia: Mindia, monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.delenv("MINDIA_KEY")
    assert mindia("list") == (4, "", f"error: No API key for {url}: set MINDIA_KEY.\n")


def test_nothing_was_started_here(tmp_path: Path) -> None:
    with pytest.raises(Failure) as refused:
        find_access(None, {"DATA_DIR": str(tmp_path)})
    assert refused.value.message.endswith(f"start the system with `make run` (nothing was, in {tmp_path}).")
    (tmp_path / "run.lock").write_text("http://127.0.0.1:8123 (process 7)")  # with keys of the user's own
    with pytest.raises(Failure, match=r"^No API key for http://127\.0\.0\.1:8123: set MINDIA_KEY\.$"):
        find_access(None, {"DATA_DIR": str(tmp_path)})


def test_not_the_operator(mindia: Mindia, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MINDIA_KEY", "acme-key")
    said = mindia("queues")
    assert said.status == 4
    assert "This needs a key with the scope admin; yours has: read, write." in said.err


def test_what_is_invalid_is_told_by_its_place(mindia: Mindia) -> None:
    one = mindia("submit", "VideoTranscoding", "video_id=no")
    assert (one.status, one.err) == (2, "error: #/payload/video_id: Not a valid UUID.\n")
    two = mindia("submit", "VideoTranscoding", "--priority", 99, "--set", "nothing=1")
    assert two.err.splitlines()[0] == "error: The request is refused:"
    assert {line.split(":")[0].strip() for line in two.err.splitlines()[1:]} == {"#/nothing", "#/priority"}


def test_a_conflict_tells_what_would_help(mindia: Mindia, broker: Broker) -> None:
    submit(broker, max_retries=0)
    task_id = fail(broker)
    said = mindia("retry", task_id)
    assert said.status == 5
    assert said.err == "error: All 0 retries are used; add --force to grant one more.\n"
    assert mindia("retry", task_id, "--force").status == 0


def test_errors_for_programs(mindia: Mindia) -> None:
    missing = mindia("show", uuid4(), "--json")
    assert (missing.status, missing.out) == (3, "")
    assert json.loads(missing.err)["code"] == "not_found"
    usage = mindia("list", "--limit", "many", "--json")
    assert usage.status == 2
    assert json.loads(usage.err)["code"] == "usage"


@pytest.mark.parametrize(
    "words",
    [
        ["nothing"],
        ["show"],
        ["show", "no-id"],
        ["list", "--since", "yesterday"],
        ["list", "--status", "lost"],
        ["retry"],
        ["delete"],
        ["update", str(uuid4())],
        ["failures", str(uuid4())],
        ["failures", "--resolve"],
        ["retry", "no-id"],
        ["cancel", str(uuid4()), "--type", "VideoTranscoding"],
        ["submit", "VideoTranscoding", "video_id"],
        ["submit", "VideoTranscoding", "n:=[1"],
        ["submit", "VideoTranscoding", "--payload", "[]"],
        ["submit", "VideoTranscoding", "--payload", "@/nowhere"],
        ["upload", "/nowhere.mp4"],
        ["upload", "nameless"],
        ["limits", "VideoTranscoding", "--rate", "fast"],
        ["list", "--url", "localhost:8000"],
        ["listen", "--forward-to", "localhost:3000"],
        ["watch", str(uuid4()), "--timeout", "soon"],
    ],
)
def test_wrong_usage_is_one_line(mindia: Mindia, words: list[str]) -> None:
    said = mindia(*words)
    assert (said.status, said.out) == (2, "")
    assert len(said.err.splitlines()) == 1, said.err
    assert said.err.startswith("error: ")


@pytest.mark.parametrize(
    "words",
    [
        ["submit", "VideoTranscoding", f"video_id={uuid4()}", "--wait"],
        ["reprocess", str(uuid4()), "--wait"],
        ["upload", "clip.mp4", "--wait"],
        ["watch", str(uuid4())],
    ],
)
def test_a_wait_that_cannot_be_meant_is_refused_before_anything_is_done(
    mindia: Mindia, broker: Broker, words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("clip.mp4").write_bytes(MP4)
    said = mindia(*words, "--timeout", "1ms")
    assert said == (2, "", "error: '1ms' is no duration: write 90, 90s, 15m, 1h30m or 2d.\n")
    assert not broker.tasks.page("ops").tasks
    assert not broker.media.page("ops", "video", 1, 0)[0]


def test_the_run_in_the_data_folder_is_found(tmp_path: Path) -> None:
    (tmp_path / "run.lock").write_text("http://127.0.0.1:8123/below (process 7)")
    (tmp_path / "api_key").write_text("the key\n".replace(" ", "-"))
    found = find_access(None, {"DATA_DIR": str(tmp_path)})
    assert (found.url, found.key) == ("http://127.0.0.1:8123/below", "the-key")
    assert find_access(None, {"DATA_DIR": str(tmp_path), "MINDIA_KEY": "mine"}).key == "mine"


def test_the_key_of_one_system_is_not_sent_to_another(tmp_path: Path) -> None:
    (tmp_path / "run.lock").write_text("http://127.0.0.1:8123 (process 7)")
    (tmp_path / "api_key").write_text("the-key")
    with pytest.raises(Failure, match="No API key for http://example"):
        find_access("http://example.com", {"DATA_DIR": str(tmp_path)})
    # A folder that came from elsewhere, with a key of our own in the environment.
    (tmp_path / "run.lock").write_text("http://evil.example (process 7)")
    environ = {"DATA_DIR": str(tmp_path), "MINDIA_KEY": "mine"}
    assert find_access(None, environ).url == "http://127.0.0.1:8000"
    (tmp_path / "run.lock").write_text("http://[ (process 7)")
    assert find_access(None, environ).url == "http://127.0.0.1:8000"
