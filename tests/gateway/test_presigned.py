"""Playlists that name segments where they are stored, and whose pages may read what is served."""

import io
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
import requests
from flask import Flask
from flask.testing import FlaskClient

from broker.broker import Broker
from broker.media.s3 import S3Storage
from gateway.app import create_app
from gateway.config import GatewaySettings
from tests.broker.media.conftest import bucket, s3_endpoint
from tests.gateway.media import MP4, upload
from tests.gateway.test_streams import FILES, SEGMENT

__all__ = ["bucket", "s3_endpoint"]
PLAYLIST = '#EXTM3U\n#EXT-X-MAP:URI="init.mp4"\n#EXTINF:2,\nseg_00000.m4s\n#EXT-X-ENDLIST\n'
HOME = "https://www.example.com"


def client_of(app: Flask) -> FlaskClient:
    client = app.test_client()
    client.environ_base["HTTP_AUTHORIZATION"] = "Bearer acme-key"
    return client


@pytest.fixture
def base(
    bucket: str, broker: Broker, gateway_settings: GatewaySettings, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[FlaskClient, str]]:
    """A client of a gateway whose storage is a bucket, and where a stream's files are."""
    made = Broker(replace(broker.settings), broker.types)
    made.__dict__["storage"] = S3Storage(bucket, "media")
    client = client_of(create_app(replace(gateway_settings, stream_presigned=True), made, {}))
    video = upload(client, "/api/videos", MP4).json
    for name, content in (FILES | {"360p/index.m3u8": PLAYLIST.encode()}).items():
        made.storage.put(f"acme/{video['id']}/hls/{name}", io.BytesIO(content))
    yield client, video["hls_url"].removesuffix("master.m3u8")


def test_a_player_gets_segments_from_the_bucket_and_playlists_from_us(base: tuple[FlaskClient, str]) -> None:
    client, path = base
    assert b"\n360p/index.m3u8" in client.get(f"{path}master.m3u8").data
    lines = client.get(f"{path}360p/index.m3u8").get_data(as_text=True).splitlines()
    assert [line for line in lines if line.startswith("#") and "URI" not in line] == [
        "#EXTM3U", "#EXTINF:2,", "#EXT-X-ENDLIST",
    ]  # fmt: skip
    init = lines[1].partition('URI="')[2].removesuffix('"')
    segment = lines[3]
    assert requests.get(init, timeout=30).content == b"init"
    part = requests.get(segment, headers={"Range": "bytes=0-9"}, timeout=30)
    assert (part.status_code, part.content) == (206, SEGMENT[:10])
    assert "X-Amz-Expires=86400" in segment
    assert client.get(f"{path}360p/seg_00000.m4s").data == SEGMENT  # as before, for who has an older playlist


def test_without_the_setting_or_with_a_folder_nothing_changes(
    app: Flask, broker: Broker, gateway_settings: GatewaySettings
) -> None:
    client = client_of(create_app(replace(gateway_settings, stream_presigned=True), broker, {}))
    video: dict[str, Any] = upload(client, "/api/videos", MP4).json
    broker.storage.put(f"acme/{video['id']}/hls/360p/index.m3u8", io.BytesIO(PLAYLIST.encode()))
    path = video["hls_url"].replace("master.m3u8", "360p/index.m3u8")
    assert client.get(path).get_data(as_text=True) == PLAYLIST


def test_only_pages_of_the_origins_that_are_named_may_read(broker: Broker, gateway_settings: GatewaySettings) -> None:
    client = client_of(create_app(replace(gateway_settings, stream_origins=frozenset({HOME})), broker, {}))
    path = upload(client, "/api/videos", MP4).json["hls_url"]
    for method in ("GET", "OPTIONS"):
        own = client.open(path, method=method, headers={"Origin": HOME})
        assert own.headers["Access-Control-Allow-Origin"] == HOME
        assert "Content-Range" in own.headers["Access-Control-Expose-Headers"]
        other = client.open(path, method=method, headers={"Origin": "https://evil.example"})
        assert "Access-Control-Allow-Origin" not in other.headers
        assert {"Origin"} <= set(own.vary) & set(other.vary)


def test_origins_are_read_from_the_environment() -> None:
    environ = {
        "API_KEYS": "acme:key-of-acme-of-acme",
        "STREAM_ALLOWED_ORIGINS": "https://a.example,https://B.example:8443",
    }
    settings = GatewaySettings.from_env(environ)
    assert settings.stream_origins == {"https://a.example", "https://b.example:8443"}
    settings = GatewaySettings.from_env({"API_KEYS": "acme:key-of-acme-of-acme"})
    assert (settings.stream_origins, settings.upload_origins) == (frozenset(), frozenset())
    everybody = {"API_KEYS": "acme:key-of-acme-of-acme", "UPLOAD_ALLOWED_ORIGINS": "*"}
    assert GatewaySettings.from_env(everybody).upload_origins == {"*"}
