"""Videos as they are shown and played: what a plain player needs opens by a signed path, and nothing else does."""

import gzip
import io
import re
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from broker.broker import Broker
from broker.secrets.links import LIFETIME_SECONDS, SignedLinks, source_of
from gateway.app import create_app
from gateway.auth import Tenant, Tenants
from gateway.config import GatewaySettings
from tests.gateway.media import MP4, PNG, upload
from tests.gateway.problem import problem
from tests.gateway.work import complete, fail

MASTER = b"#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1000\n360p/index.m3u8\n"
SEGMENT = bytes(range(256)) * 10
FILES = {
    "master.m3u8": MASTER,
    "360p/index.m3u8": b"#EXTM3U\nseg_00000.m4s\n",
    "360p/init.mp4": b"init",
    "360p/seg_00000.m4s": SEGMENT,
    "poster.jpg": b"\xff\xd8\xff poster",
    "storyboard/storyboard.vtt": b"WEBVTT\n",
}
VARIANT = {
    "name": "360p",
    "width": 640,
    "height": 360,
    "bandwidth": 1000,
    "codecs": "avc1.64001e",
    "playlist": "360p/index.m3u8",
}


def lasting(shown: dict[str, Any]) -> dict[str, Any]:
    """What is shown of a video but for links, which are made anew at each reading."""
    variants = [{name: each[name] for name in VARIANT} for each in shown["variants"]]
    return {name: value for name, value in shown.items() if not name.endswith("_url")} | {"variants": variants}


@pytest.fixture
def video(client: FlaskClient, broker: Broker) -> dict[str, Any]:
    """A video that has been transcoded."""
    video_id = upload(client, "/api/videos", MP4).json["id"]
    for name, content in FILES.items():
        broker.storage.put(f"acme/{video_id}/hls/{name}", io.BytesIO(content))
    facts = {"width": 640, "height": 360, "duration_seconds": 6.5, "frame_rate": 30.0, "variants": [VARIANT]}
    facts |= {"storyboard": "hls/storyboard/storyboard.vtt"}
    complete(broker, facts, video_id, **facts)
    return dict(client.get(f"/api/videos/{video_id}").json)


@pytest.fixture
def base(video: dict[str, Any]) -> str:
    """The path that the playlist's relative names are resolved against."""
    return str(video["hls_url"]).removesuffix("master.m3u8")


def test_a_finished_video_shows_what_was_made_of_it(video: dict[str, Any], client: FlaskClient) -> None:
    facts = {"width": 640, "height": 360, "duration_seconds": 6.5, "variants": [VARIANT]}
    assert lasting(video) | facts == lasting(video)
    assert (video["status"], video["progress"]["percent"], video["error"]) == ("completed", 100, None)
    (listed,) = client.get("/api/videos").json["videos"]
    assert lasting(listed) == lasting(video)


def test_a_video_that_failed_says_why(client: FlaskClient, broker: Broker) -> None:
    path = upload(client, "/api/videos", MP4).headers["Location"]
    fail(broker, "The video is damaged.")
    shown = client.get(path).json
    assert (shown["status"], shown["error"], shown["variants"], shown["poster_url"]) == (
        "failed",
        "The video is damaged.",
        [],
        None,
    )


def test_a_video_outlives_its_task(video: dict[str, Any], client: FlaskClient, broker: Broker) -> None:
    broker.redis.delete(broker.keys.job(video["task_id"]))
    shown = client.get(f"/api/videos/{video['id']}").json
    assert (shown["status"], lasting(shown)["variants"]) == ("completed", [VARIANT])
    assert client.get("/api/videos").json["videos"][0]["status"] == "completed"


@pytest.mark.parametrize(
    ("name", "content_type", "caching"),
    [
        ("master.m3u8", "application/vnd.apple.mpegurl", "no-cache"),
        ("360p/index.m3u8", "application/vnd.apple.mpegurl", "no-cache"),
        ("360p/init.mp4", "video/mp4", "public, max-age=86400, immutable"),
        ("360p/seg_00000.m4s", "video/iso.segment", "public, max-age=86400, immutable"),
        ("poster.jpg", "image/jpeg", "public, max-age=86400, immutable"),
        ("storyboard/storyboard.vtt", "text/vtt; charset=utf-8", "public, max-age=86400, immutable"),
    ],
)
def test_a_player_needs_no_header(
    anonymous: FlaskClient, base: str, name: str, content_type: str, caching: str
) -> None:
    response = anonymous.get(base + name)
    assert (response.status_code, response.data) == (200, FILES[name])
    assert response.headers["Content-Type"] == content_type
    assert response.headers["Cache-Control"] == caching
    assert response.headers["Access-Control-Allow-Origin"] == "*"
    assert response.content_length == len(FILES[name])
    head = anonymous.head(base + name)
    assert (head.status_code, head.data, head.content_length) == (200, b"", len(FILES[name]))
    assert head.headers["ETag"] == response.headers["ETag"]


@pytest.mark.parametrize(
    ("asked", "part", "content_range"),
    [
        ("bytes=0-9", SEGMENT[:10], "bytes 0-9/2560"),
        ("bytes=100-", SEGMENT[100:], "bytes 100-2559/2560"),
        ("bytes=-5", SEGMENT[-5:], "bytes 2555-2559/2560"),
        ("bytes=2500-9999", SEGMENT[2500:], "bytes 2500-2559/2560"),
        ("bytes=2500-" + "9" * 5000, SEGMENT[2500:], "bytes 2500-2559/2560"),
        ("bytes=-2560", SEGMENT, "bytes 0-2559/2560"),
        ("bytes=-9999", SEGMENT, "bytes 0-2559/2560"),
        ("Bytes=0-0", SEGMENT[:1], "bytes 0-0/2560"),
    ],
)
def test_a_part_of_a_segment(anonymous: FlaskClient, base: str, asked: str, part: bytes, content_range: str) -> None:
    response = anonymous.get(base + "360p/seg_00000.m4s", headers={"Range": asked})
    assert (response.status_code, response.data) == (206, part)
    assert response.headers["Content-Range"] == content_range
    assert response.content_length == len(part)


@pytest.mark.parametrize(
    "asked", ["bytes=2560-", "bytes=9999-10000", "bytes=" + "9" * 5000 + "-", "bytes=-0", "bytes=5-4", "bytes=a-b"]
)
def test_a_part_that_is_not_there(anonymous: FlaskClient, base: str, asked: str) -> None:
    response = anonymous.get(base + "360p/seg_00000.m4s", headers={"Range": asked})
    problem(response, 416, "range_not_satisfiable")
    assert response.headers["Content-Range"] == "bytes */2560"


@pytest.mark.parametrize(
    "headers",
    [
        {"Range": "seconds=0-9"},  # a unit that we do not know
        {"Range": "0-9"},
        {"Range": "bytes=0-9,20-29"},
        {"Range": "bytes=20-29,0-9"},
        {"Range": "bytes=0-9", "If-Range": '"another"'},
        {"Range": "bytes=0-9", "If-Range": "Mon, 01 Jan 2024 00:00:00 GMT"},
    ],
)
def test_the_whole_where_a_part_must_or_may_be_ignored(
    anonymous: FlaskClient, base: str, headers: dict[str, str]
) -> None:
    response = anonymous.get(base + "360p/seg_00000.m4s", headers=headers)
    assert (response.status_code, response.data, response.content_length) == (200, SEGMENT, len(SEGMENT))
    assert "Content-Range" not in response.headers
    assert response.headers["Accept-Ranges"] == "bytes"


def test_a_part_is_looked_at_after_the_conditions_and_only_by_get(anonymous: FlaskClient, base: str) -> None:
    name = base + "360p/seg_00000.m4s"
    etag = anonymous.get(name).headers["ETag"]
    for asked in ("bytes=0-9", "bytes=9999-"):
        again = anonymous.get(name, headers={"Range": asked, "If-None-Match": etag})
        assert (again.status_code, again.data) == (304, b"")
        head = anonymous.head(name, headers={"Range": asked})
        assert (head.status_code, head.content_length) == (200, len(SEGMENT))
        problem(anonymous.get(name, headers={"Range": asked, "If-Match": '"other"'}), 412, "precondition_failed")
    part = anonymous.get(name, headers={"Range": "bytes=0-9", "If-Range": etag, "If-Match": etag})
    assert (part.status_code, part.data) == (206, SEGMENT[:10])


@pytest.mark.parametrize("name", ["360p/seg_00000.m4s", "master.m3u8"])
def test_what_is_cached_is_not_sent_again(anonymous: FlaskClient, base: str, name: str) -> None:
    etag = anonymous.get(base + name).headers["ETag"]
    again = anonymous.get(base + name, headers={"If-None-Match": etag})
    assert (again.status_code, again.data) == (304, b"")
    assert anonymous.get(base + name, headers={"If-None-Match": '"other"'}).status_code == 200


def test_playlists_are_compressed_for_whoever_can_read_that(anonymous: FlaskClient, base: str) -> None:
    plain = anonymous.get(base + "master.m3u8")
    packed = anonymous.get(base + "master.m3u8", headers={"Accept-Encoding": "gzip, deflate"})
    assert packed.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(packed.data) == plain.data == MASTER
    assert packed.headers["Vary"] == plain.headers["Vary"] == "Accept-Encoding"
    assert packed.headers["ETag"] != plain.headers["ETag"]


@pytest.mark.parametrize(
    "name",
    ["", "nothing.m4s", "../source", "..%2fsource", "%2e%2e/source", "360p/../../source", "//etc/passwd", "360p",
     "360p/", ".hidden.m3u8", "source", "360p/index.m3u8/", "..\\source.mp4", "360p/%00.mp4", "x" * 400 + ".mp4",
     "master.m3u8%0a", "../../../rival/secret.mp4", "360p/./init.mp4"],
)  # fmt: skip
def test_nothing_but_the_renditions_can_be_reached(
    client: FlaskClient, broker: Broker, video: dict[str, Any], base: str, name: str
) -> None:
    broker.storage.put("rival/secret.mp4", io.BytesIO(b"secret"))
    broker.storage.put(f"acme/{video['id']}/source.mp4", io.BytesIO(b"secret"))
    problem(client.get(base + name), 404, "not_found")


def test_a_link_is_of_one_video_and_cannot_be_changed(
    client: FlaskClient, anonymous: FlaskClient, broker: Broker, video: dict[str, Any]
) -> None:
    path = video["hls_url"]
    other = upload(client, "/api/videos", MP4).json
    broker.storage.put(f"acme/{other['id']}/hls/master.m3u8", io.BytesIO(MASTER))
    assert anonymous.get(other["hls_url"]).status_code == 200
    signature = re.fullmatch(r"/api/videos/[^/]+/stream/([^/]+)/master.m3u8", path)[1]
    tenant, expires, hmac = signature.split(".")
    longer = str(int(expires) + 1)
    for forged in (
        path.replace(video["id"], other["id"]),
        path.replace(hmac, ("a" if hmac[0] != "a" else "b") + hmac[1:]),
        path.replace(hmac, hmac.upper()),
        path.replace(hmac, hmac[:-1]),
        path.replace(hmac, ""),
        path.replace(expires, longer),
        path.replace(tenant, "0" * 32),
        path.replace(signature, "x"),
        path.replace(signature, "."),
        path.replace(signature, "\u0664"),
    ):
        problem(anonymous.get(forged), 404, "not_found")
    assert anonymous.get(path).status_code == 200


def test_a_link_ends_after_a_day(video: dict[str, Any], app: Flask, gateway_settings: GatewaySettings) -> None:
    now = [1_700_000_000.0]
    links = SignedLinks(gateway_settings.secret_key, clock=lambda: now[0])
    acme = Tenant("acme").id
    signature = links.sign(acme, video["id"])
    now[0] += LIFETIME_SECONDS
    assert links.tenant_id(signature, video["id"]) == acme
    now[0] += 1
    old = SignedLinks(gateway_settings.secret_key, clock=lambda: 1_700_000_000.0).sign(acme, video["id"])
    expired = app.test_client().get(f"/api/videos/{video['id']}/stream/{old}/master.m3u8")
    problem(expired, 403, "link_expired")


def test_every_reading_makes_a_link_that_all_gateways_know(
    video: dict[str, Any], broker: Broker, gateway_settings: GatewaySettings
) -> None:
    same = create_app(gateway_settings, broker, {}).test_client()
    assert same.get(video["hls_url"]).data == MASTER
    assert same.get(video["poster_url"]).data == FILES["poster.jpg"]
    assert same.get(video["storyboard_url"]).data == b"WEBVTT\n"
    other_secret = GatewaySettings(gateway_settings.tenants, "another secret")
    problem(create_app(other_secret, broker, {}).test_client().get(video["hls_url"]), 404, "not_found")
    without_acme = GatewaySettings(Tenants([("ops", "ops-key")]), gateway_settings.secret_key)
    problem(create_app(without_acme, broker, {}).test_client().get(video["hls_url"]), 404, "not_found")


def test_a_link_outlives_the_replacement_of_its_key(
    video: dict[str, Any], broker: Broker, gateway_settings: GatewaySettings
) -> None:
    """While the old key is still named, behind the new one, which signs."""
    both = create_app(GatewaySettings(gateway_settings.tenants, "a new one,a secret"), broker, {}).test_client()
    assert both.get(video["hls_url"]).data == MASTER
    shown = both.get(f"/api/videos/{video['id']}", headers={"Authorization": "Bearer acme-key"}).json
    new = create_app(GatewaySettings(gateway_settings.tenants, "a new one"), broker, {}).test_client()
    assert new.get(shown["hls_url"]).data == MASTER
    problem(new.get(video["hls_url"]), 404, "not_found")


def expired(app: Flask, gateway_settings: GatewaySettings, subject: str) -> str:
    """A signature of yesterday."""
    acme = Tenant("acme").id
    return SignedLinks(gateway_settings.secret_key, clock=lambda: 1_700_000_000.0).sign(acme, subject)


def test_a_player_on_another_site_can_read_every_answer(
    anonymous: FlaskClient, app: Flask, gateway_settings: GatewaySettings, video: dict[str, Any], base: str
) -> None:
    """Errors above all: without these headers a page learns of them nothing but that something went wrong."""
    old = expired(app, gateway_settings, video["id"])
    stream, media = f"/api/videos/{video['id']}/stream/{old}", f"/api/media/{video['id']}"
    file = f"checksum/{video['id']}/small.jpg"
    segment = base + "360p/seg_00000.m4s"
    unchanged = {"If-None-Match": anonymous.get(segment).headers["ETag"]}
    answers = [
        (200, anonymous.get(base + "master.m3u8")),
        (206, anonymous.get(segment, headers={"Range": "bytes=0-9"})),
        (304, anonymous.get(segment, headers=unchanged)),
        (416, anonymous.get(segment, headers={"Range": "bytes=9999-"})),
        (403, anonymous.get(f"{stream}/master.m3u8")),
        (404, anonymous.get(base + "nothing.m4s")),
        (404, anonymous.get("/api/videos/no-id/stream/x/master.m3u8")),
        (405, anonymous.post(base + "master.m3u8")),
        (403, anonymous.get(f"{media}/files/{old}/{file}")),
        (404, anonymous.get(f"{media}/files/x/{file}")),
        (404, anonymous.get(f"{media}/files/x/y")),
        (403, anonymous.get(f"{media}/source/{expired(app, gateway_settings, source_of(video['id']))}")),
        (404, anonymous.get(f"{media}/source/x")),
        (405, anonymous.delete(f"{media}/source/x")),
    ]
    for status, answer in answers:
        assert answer.status_code == status, answer.text
        assert answer.headers["Access-Control-Allow-Origin"] == "*"
        exposed = set(answer.headers["Access-Control-Expose-Headers"].split(", "))
        assert exposed >= {"Accept-Ranges", "Content-Length", "Content-Range", "ETag", "Retry-After"}


def test_a_page_elsewhere_may_ask_for_a_part(anonymous: FlaskClient, base: str, video: dict[str, Any]) -> None:
    asked = {"Origin": "https://site.example", "Access-Control-Request-Method": "GET"}
    asked["Access-Control-Request-Headers"] = "range"
    for path in (f"{base}360p/seg_00000.m4s", f"{base}nothing", f"/api/media/{video['id']}/source/x"):
        answer = anonymous.options(path, headers=asked)
        assert (answer.status_code, answer.data, answer.content_type) == (204, b"", None)
        assert answer.headers["Access-Control-Allow-Origin"] == "*"
        assert answer.headers["Access-Control-Allow-Methods"] == "GET, HEAD, OPTIONS"
        assert "Range" in answer.headers["Access-Control-Allow-Headers"].split(", ")
        assert int(answer.headers["Access-Control-Max-Age"]) > 0


def test_everything_else_is_for_its_own_origin_alone(client: FlaskClient, video: dict[str, Any]) -> None:
    for path in ("/api/tasks", f"/api/videos/{video['id']}", "/livez", "/nowhere", "/api/media/x"):
        for method in ("GET", "OPTIONS"):
            headers = client.open(path, method=method, headers={"Origin": "https://site.example"}).headers
            assert not [name for name, _ in headers if name.startswith("Access-Control-")]


def test_what_players_and_caches_add_to_a_link_is_ignored(anonymous: FlaskClient, base: str) -> None:
    for query in ("_HLS_msn=3", "v=1&v=2", "CMCD=br%3D3200", "%FF=%FF", "x"):
        assert anonymous.get(f"{base}master.m3u8?{query}").data == MASTER
        assert anonymous.get(f"{base}360p/seg_00000.m4s?{query}", headers={"Range": "bytes=-1"}).data == SEGMENT[-1:]
        problem(anonymous.get(f"{base}nothing.m4s?{query}"), 404, "not_found")


def test_nothing_plays_before_it_is_made(client: FlaskClient, anonymous: FlaskClient) -> None:
    problem(anonymous.get(upload(client, "/api/videos", MP4).json["hls_url"]), 404, "not_found")


def test_an_image_shows_its_task(client: FlaskClient, broker: Broker) -> None:
    image = upload(client, "/api/images", PNG).json
    path = f"/api/images/{image['id']}"
    assert client.get(path).json["status"] == "pending"
    complete(broker, {}, image["id"], embedding_model="a model")
    assert client.get(path).json["status"] == "completed"
    broker.redis.delete(broker.keys.job(image["task_id"]))
    assert client.get(path).json["status"] == "completed"


def test_an_upload_whose_failed_task_is_gone_stays_failed(client: FlaskClient, broker: Broker) -> None:
    for path, content in (("/api/images", PNG), ("/api/videos", MP4)):
        media = upload(client, path, content).json
        fail(broker)
        broker.redis.delete(broker.keys.job(media["task_id"]))
        assert client.get(f"{path}/{media['id']}").json["status"] == "failed"
