"""Guards what is told of a storage that cannot be used, by `/readyz` and by an upload: words, and the right status."""

import io
import threading
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from broker.broker import Broker
from broker.config import BrokerSettings
from broker.errors import Unavailable
from gateway import readiness
from gateway.app import create_app
from gateway.auth import Tenants
from gateway.config import GatewaySettings
from gateway.readiness import FRESH, StorageProbe
from tests.full_disk import LARGEST, no_large_files
from tests.gateway.media import MP4, upload
from tests.gateway.problem import problem

__all__ = ["no_large_files"]
KEYS = [("acme", "acme-key")]


def client_of(redis_url: str, **settings: Any) -> FlaskClient:
    broker = Broker(BrokerSettings(redis_url, **settings), {})
    app = create_app(GatewaySettings(Tenants(KEYS), "a secret"), broker, {})
    client = app.test_client()
    client.environ_base["HTTP_AUTHORIZATION"] = "Bearer acme-key"
    return client


def test_a_folder_that_cannot_be_made_is_503_everywhere(redis_url: str, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    client = client_of(redis_url, storage_url=f"file://{tmp_path}/file/media")
    for answer in (client.get("/readyz"), upload(client, "/api/videos", MP4)):
        detail = problem(answer, 503, "unavailable")["detail"]
        assert detail == "The media storage cannot be used right now; try again later."
    assert client.get("/livez").status_code == 200


def test_the_log_has_a_lasting_failure_once_and_its_end(
    redis_url: str, tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(readiness, "FRESH", 0.0)
    (tmp_path / "file").touch()
    client = client_of(redis_url, storage_url=f"file://{tmp_path}/file/media")
    with caplog.at_level("INFO"):
        for _ in range(3):
            problem(client.get("/readyz"), 503, "unavailable")
        (line,) = [each.getMessage() for each in caplog.records if each.levelname == "WARNING"]
        assert line.startswith("not ready: The media storage cannot be used")
        assert "Not a directory" in line
        (tmp_path / "file").unlink()
        for _ in range(3):
            assert client.get("/readyz").status_code == 200
    assert [each.getMessage() for each in caplog.records].count("ready again") == 1


def test_no_room_to_receive_an_upload_is_507(roomy: FlaskClient, no_large_files: None) -> None:
    answer = upload_unspooled(roomy, MP4 + bytes(LARGEST + 1_000_000))
    assert problem(answer, 507, "storage_full")["detail"].startswith("There is no room for more media")
    assert int(answer.headers["Retry-After"]) >= 60
    assert upload(roomy, "/api/videos", MP4).status_code == 201, "small ones still fit"


def test_no_place_to_receive_an_upload_is_503(
    roomy: FlaskClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "nowhere"))
    problem(upload_unspooled(roomy, MP4 + bytes(1_000_000)), 503, "unavailable")


def upload_unspooled(client: FlaskClient, file: bytes) -> Any:
    """Without a temporary file of the test client's own."""
    head = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.mp4"\r\n\r\n'
    body = io.BytesIO(head + file + b"\r\n--x--\r\n")
    return client.post(
        "/api/videos",
        input_stream=body,
        content_type="multipart/form-data; boundary=x",
        content_length=len(body.getvalue()),
    )


@pytest.fixture
def roomy(app: Flask, redis_url: str, tmp_path: Path, broker: Broker) -> FlaskClient:
    """A client of a gateway that takes large uploads."""
    settings = GatewaySettings(Tenants(KEYS), "a secret")
    client = create_app(settings, broker, {}).test_client()
    client.environ_base["HTTP_AUTHORIZATION"] = "Bearer acme-key"
    return client


class Disk:
    """A storage that is looked at."""

    def __init__(self) -> None:
        self.looks = 0
        self.works = True
        self.hangs: threading.Event | None = None

    def check(self) -> None:
        self.looks += 1
        if self.hangs:
            self.hangs.wait()
        if not self.works:
            raise Unavailable("Broken.", retry_after=5)


class TestProbe:
    @pytest.fixture
    def disk(self) -> Disk:
        return Disk()

    @pytest.fixture
    def now(self) -> list[float]:
        return [0.0]

    @pytest.fixture
    def probe(self, disk: Disk, now: list[float]) -> Callable[[], None]:
        broker: Any = SimpleNamespace(storage=disk)
        return StorageProbe(broker, lambda: now[0]).check

    def test_an_answer_holds_for_some_seconds(self, probe: Callable[[], None], disk: Disk, now: list[float]) -> None:
        for _ in range(5):
            probe()
        assert disk.looks == 1
        disk.works, now[0] = False, FRESH
        for _ in range(5):
            with pytest.raises(Unavailable, match="Broken"):
                probe()
        assert disk.looks == 2
        disk.works, now[0] = True, 2 * FRESH
        probe()

    def test_one_that_hangs_holds_nobody_and_is_asked_once(
        self, probe: Callable[[], None], disk: Disk, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(readiness, "PATIENCE", 0.01)
        disk.hangs = threading.Event()
        for _ in range(5):
            with pytest.raises(Unavailable, match="does not answer"):
                probe()
        assert disk.looks == 1
        monkeypatch.setattr(readiness, "PATIENCE", 10.0)
        disk.hangs.set()
        probe()
