"""``/api/uploads`` after the protocol tus 1.0.0, section by section."""

import base64
import hashlib
import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any
from uuid import uuid4

import pytest
from flask import Flask
from flask.testing import FlaskClient

from broker.broker import Broker
from broker.errors import Unavailable, UploadLocked
from broker.uploads.expiry import UploadExpiry
from broker.uploads.uploads import Uploads, Writer
from gateway.app import create_app
from gateway.config import GatewaySettings
from tests.gateway.conftest import MAX_UPLOAD_BYTES, ClientOf
from tests.gateway.media import MP4, PNG
from tests.gateway.problem import pointers
from tests.gateway.tus_client import BYTES, TUS, begun, create, encoded, offset_of, patch

HOME = "https://www.example.com"
#: Of a browser that asks whether a page may ask.
ASKS = {"Access-Control-Request-Method": "PATCH", "Access-Control-Request-Headers": "authorization,upload-offset"}
#: A gateway that pages of these origins may upload to.
OpenTo = Callable[..., FlaskClient]


def tasks(client: FlaskClient) -> list[Any]:
    return client.get("/api/tasks").json["tasks"]


def set_quota(client_of: ClientOf, stored_bytes: int | None) -> None:
    response = client_of("ops").put("/api/tenants/acme", json={"quotas": {"stored_bytes": stored_bytes}})
    assert response.status_code == 200, response.text


@pytest.fixture(autouse=True)
def nothing_of_other_tests(broker: Broker) -> None:
    broker.storage.remove_unfinished(-3600, lambda keys: set())


class TestTheProtocol:
    def test_it_tells_what_it_speaks(self, client: FlaskClient) -> None:
        for place in ("/api/uploads", begun(client)):
            response = client.options(place)
            assert response.headers["Tus-Version"] == response.headers["Tus-Resumable"] == "1.0.0"
            assert response.headers["Tus-Max-Size"] == str(MAX_UPLOAD_BYTES)
            assert set(response.headers["Tus-Extension"].split(",")) == {
                "creation", "creation-with-upload", "creation-defer-length", "expiration", "termination", "checksum",
            }  # fmt: skip
            assert {"sha1", "sha256"} <= set(response.headers["Tus-Checksum-Algorithm"].split(","))

    @pytest.mark.parametrize("version", [None, "0.2.2"])
    def test_another_version_is_refused_and_told_which(self, client: FlaskClient, version: str | None) -> None:
        place, headers = begun(client), {"Tus-Resumable": version} if version else {}
        for method, path in (("POST", "/api/uploads"), ("HEAD", place), ("PATCH", place), ("DELETE", place)):
            response = client.open(path, method=method, headers=headers)
            assert response.status_code == 412
            assert response.headers["Tus-Version"] == "1.0.0"
        assert offset_of(client, place) == 0

    def test_pieces_make_the_file_and_its_task(self, client: FlaskClient, broker: Broker) -> None:
        place = begun(client, group="user 7", tags='["holiday"]', then='["checksum"]')
        assert patch(client, place, 0, MP4[:10]).headers["Upload-Offset"] == "10"
        assert client.get(place).json["media_url"] is None
        assert not tasks(client)
        assert offset_of(client, place) == 10
        response = patch(client, place, 10, MP4[10:])
        assert response.status_code == 204
        assert response.headers["Upload-Offset"] == str(len(MP4))
        shown = client.get(place).json
        assert shown["complete"]
        assert f"<{shown['media_url']}>" in response.headers["Link"]
        video = client.get(shown["media_url"]).json
        assert (video["filename"], video["size"], video["content_type"]) == ("holiday.mp4", len(MP4), "video/mp4")
        assert client.get(video["source_url"]).data == MP4
        made = tasks(client)
        assert {each["type"] for each in made} == {"VideoTranscoding", "PluginExecution"}
        assert {each["group"] for each in made} == {"user 7"}
        assert all(each["tags"] == ["holiday"] for each in made)
        assert video["flow"]
        assert broker.uploads.page("acme", 10, 0) == ([], 0)

    def test_head_tells_all_that_is_needed_to_go_on(self, client: FlaskClient) -> None:
        place = begun(client)
        patch(client, place, 0, MP4[:7])
        response = client.head(place, headers=TUS)
        assert response.headers["Upload-Offset"] == "7"
        assert response.headers["Upload-Length"] == str(len(MP4))
        assert "kind dmlkZW8=" in response.headers["Upload-Metadata"]
        assert response.headers["Cache-Control"] == "no-store"
        assert parsedate_to_datetime(response.headers["Upload-Expires"]) > datetime.now(UTC)

    def test_the_wrong_offset_is_a_conflict_and_changes_nothing(self, client: FlaskClient) -> None:
        place = begun(client)
        patch(client, place, 0, MP4[:10])
        for offset in (0, 9, 11):
            response = patch(client, place, offset, MP4[offset : offset + 5])
            assert (response.status_code, response.json["upload_offset"]) == (409, 10)
        assert offset_of(client, place) == 10

    def test_a_body_of_another_type_is_refused(self, client: FlaskClient) -> None:
        headers = TUS | {"Upload-Offset": "0"}
        assert client.patch(begun(client), data=MP4, headers=headers).status_code == 415

    def test_more_bytes_than_announced_are_refused(self, client: FlaskClient) -> None:
        place = begun(client, 100)
        assert patch(client, place, 0, MP4[:101]).status_code == 413
        assert offset_of(client, place) == 0

    def test_a_first_piece_may_come_with_the_creation(self, client: FlaskClient) -> None:
        response = create(client, body=MP4[:300])
        assert (response.status_code, response.headers["Upload-Offset"]) == (201, "300")
        patch(client, response.headers["Location"], 300, MP4[300:])
        assert len(tasks(client)) == 1
        whole = create(client, body=MP4)
        assert whole.json["complete"]
        assert whole.json["media_url"] in whole.headers["Link"]

    def test_a_creation_is_made_once_under_an_idempotency_key(self, client: FlaskClient) -> None:
        headers = TUS | {
            "Upload-Length": "5",
            "Upload-Metadata": encoded(kind="video"),
            "Idempotency-Key": str(uuid4()),
        }
        first, second = (client.post("/api/uploads", headers=headers) for _ in range(2))
        assert first.headers["Location"] == second.headers["Location"]
        assert client.get("/api/uploads").json["total"] == 1

    @pytest.mark.parametrize("algorithm", ["sha1", "sha256", "md5"])
    def test_a_checksum_lets_in_what_is_right_alone(self, client: FlaskClient, algorithm: str) -> None:
        place = begun(client)
        digest = base64.b64encode(hashlib.new(algorithm, MP4[:50]).digest()).decode()
        response = patch(client, place, 0, MP4[1:51], Upload_Checksum=f"{algorithm} {digest}")
        assert (response.status_code, response.json["code"]) == (460, "checksum_mismatch")
        assert offset_of(client, place) == 0
        assert patch(client, place, 0, MP4[:50], Upload_Checksum=f"{algorithm} {digest}").status_code == 204
        assert pointers(patch(client, place, 50, b"x", Upload_Checksum="crc32 AAAA")) == {"Upload-Checksum"}

    def test_an_upload_that_is_given_up_is_gone(self, client: FlaskClient, broker: Broker) -> None:
        place = begun(client)
        patch(client, place, 0, MP4[:10])
        assert client.delete(place, headers=TUS).status_code == 204
        assert client.head(place, headers=TUS).status_code == 404
        assert patch(client, place, 10, MP4[10:]).status_code == 404
        assert broker.storage.remove_unfinished(-3600, lambda keys: set()) == 0
        assert client.get("/api/uploads").json["uploads"] == []

    def test_giving_up_a_complete_one_leaves_its_file(self, client: FlaskClient) -> None:
        place = create(client, body=MP4).headers["Location"]
        video = client.get(place).json["media_url"]
        assert client.delete(place, headers=TUS).status_code == 204
        assert client.get(place).status_code == 404
        assert client.get(client.get(video).json["source_url"]).data == MP4


class TestALengthThatIsToldLater:
    """The extension creation-defer-length."""

    def test_pieces_come_until_it_is_told(self, client: FlaskClient) -> None:
        place = begun(client, None)
        response = client.head(place, headers=TUS)
        assert response.headers["Upload-Defer-Length"] == "1"
        assert "Upload-Length" not in response.headers
        patch(client, place, 0, MP4[:500])
        assert client.get(place).json["size"] is None
        assert not tasks(client)
        told = {"Upload_Length": len(MP4)}
        assert patch(client, place, 500, MP4[500:600], **told).headers["Upload-Offset"] == "600"
        response = client.head(place, headers=TUS)
        assert response.headers["Upload-Length"] == str(len(MP4))
        assert "Upload-Defer-Length" not in response.headers
        assert patch(client, place, 600, MP4[600:], **told).status_code == 204  # the same again
        assert client.get(client.get(client.get(place).json["media_url"]).json["source_url"]).data == MP4
        assert len(tasks(client)) == 1

    def test_the_last_word_may_come_without_a_byte(self, client: FlaskClient) -> None:
        place = begun(client, None, kind="image", filename="cat.png")
        patch(client, place, 0, PNG)
        assert patch(client, place, len(PNG), b"", Upload_Length=len(PNG)).status_code == 204
        assert client.get(client.get(place).json["media_url"]).json["size"] == len(PNG)

    def test_it_is_told_once_and_fits_what_is_there(self, client: FlaskClient) -> None:
        place = begun(client, None)
        patch(client, place, 0, MP4[:500])
        for wrong in (499, 0):
            assert pointers(patch(client, place, 500, b"", Upload_Length=wrong)) == {"Upload-Length"}
        assert patch(client, place, 500, b"", Upload_Length=MAX_UPLOAD_BYTES + 1).status_code == 413
        assert patch(client, place, 500, b"x" * 11, Upload_Length=510).status_code == 413
        assert patch(client, place, 500, b"", Upload_Length=510).status_code == 204
        assert pointers(patch(client, place, 500, b"", Upload_Length=511)) == {"Upload-Length"}
        headers = TUS | {"Upload-Metadata": encoded(kind="video")}
        for both_or_none in ({}, {"Upload-Length": "5", "Upload-Defer-Length": "1"}, {"Upload-Defer-Length": "2"}):
            response = client.post("/api/uploads", headers=headers | both_or_none)
            assert pointers(response) <= {"Upload-Length", "Upload-Defer-Length"}

    def test_it_may_not_grow_beyond_what_may_be_stored(self, client: FlaskClient, client_of: ClientOf) -> None:
        set_quota(client_of, 2 * len(MP4))
        begun(client)
        place = begun(client, None)
        assert patch(client, place, 0, MP4[:500]).status_code == 204
        assert patch(client, place, 500, bytes(len(MP4))).status_code == 507
        assert patch(client, place, 500, MP4[500:]).status_code == 204
        assert create(client).status_code == 507
        assert patch(client, place, len(MP4), bytes(MAX_UPLOAD_BYTES)).status_code == 413


class TestOtherWays:
    @pytest.fixture
    def client(self, app: Flask) -> FlaskClient:
        """One that does not look for its answers under the method that it has sent."""
        client = FlaskClient(app, app.response_class)
        client.environ_base["HTTP_AUTHORIZATION"] = "Bearer acme-key"
        return client

    def test_a_post_may_stand_for_what_cannot_be_sent(self, client: FlaskClient) -> None:
        place = begun(client)
        patched = TUS | {"Upload-Offset": "0", "X-HTTP-Method-Override": "PATCH"}
        assert client.post(place, data=MP4[:10], content_type=BYTES, headers=patched).status_code == 204
        assert offset_of(client, place) == 10
        assert client.post(place, headers=TUS | {"X-HTTP-Method-Override": "DELETE"}).status_code == 204
        assert client.head(place, headers=TUS).status_code == 404

    def test_and_stands_for_nothing_else(self, client: FlaskClient) -> None:
        place = begun(client)
        for wanted in ("GET", "patch", "PUT"):
            assert client.post(place, headers=TUS | {"X-HTTP-Method-Override": wanted}).status_code == 405
        task = create(client, body=MP4).json["media_url"]
        for path in (task, "/api/tasks"):
            refused = client.post(path, headers={"X-HTTP-Method-Override": "DELETE"}, json={})
            assert refused.status_code in (405, 422)
        assert client.get(task).status_code == 200


class TestPagesOfOtherOrigins:
    @pytest.fixture
    def open_to(self, broker: Broker, gateway_settings: GatewaySettings) -> OpenTo:
        def make(*origins: str) -> FlaskClient:
            settings = replace(gateway_settings, upload_origins=frozenset(origins))
            return create_app(settings, broker, {}).test_client()

        return make

    def test_a_page_that_may_upload_is_told_so_before_it_sends_its_key(self, open_to: OpenTo) -> None:
        client = open_to(HOME)
        for path in ("/api/uploads", f"/api/uploads/{uuid4()}"):
            response = client.options(path, headers={"Origin": HOME} | ASKS)
            assert response.status_code == 204
            assert response.headers["Access-Control-Allow-Origin"] == HOME
            assert {"PATCH", "HEAD"} <= set(response.headers["Access-Control-Allow-Methods"].split(", "))
            allowed = response.headers["Access-Control-Allow-Headers"].lower().split(", ")
            assert {"authorization", "upload-offset", "tus-resumable", "content-type"} <= set(allowed)

    def test_it_may_read_every_answer(self, open_to: OpenTo) -> None:
        client = open_to(HOME)
        told = {"Origin": HOME, "Authorization": "Bearer acme-key"}
        made = client.post("/api/uploads", headers=TUS | told | {"Upload-Defer-Length": "1"})
        unknown = client.get(f"/api/uploads/{uuid4()}", headers=told)
        refused = client.post("/api/uploads", headers={"Origin": HOME})
        assert [each.status_code for each in (made, unknown, refused)] == [422, 404, 401]
        for response in (made, unknown, refused):
            assert response.headers["Access-Control-Allow-Origin"] == HOME
            assert {"Location", "Upload-Offset"} <= set(response.headers["Access-Control-Expose-Headers"].split(", "))
            assert "Origin" in response.vary

    def test_others_are_told_nothing(self, open_to: OpenTo, client: FlaskClient) -> None:
        for asked, origin in ((open_to(HOME), "https://evil.example"), (open_to(), HOME)):
            response = asked.options("/api/uploads", headers={"Origin": origin} | ASKS)
            assert response.status_code == 401
            assert "Access-Control-Allow-Origin" not in response.headers
        anybody = open_to("*").options("/api/uploads", headers={"Origin": HOME} | ASKS)
        assert anybody.headers["Access-Control-Allow-Origin"] == HOME
        elsewhere = open_to("*").options("/api/tasks", headers={"Origin": HOME} | ASKS)
        assert elsewhere.status_code == 401
        assert "Access-Control-Allow-Origin" not in elsewhere.headers


class TestWhatIsRefused:
    def test_metadata_is_checked_as_a_form_is(self, client: FlaskClient) -> None:
        assert pointers(create(client, then='["nonsense"]')) == {"then/0"}
        assert pointers(create(client, keep_source="perhaps", nonsense="1")) == {"keep_source", "nonsense"}
        assert pointers(create(client, kind="sculpture")) == {"kind"}
        headers = TUS | {"Upload-Length": "5", "Upload-Metadata": "kind dmlkZW8=,filename ***"}
        assert pointers(client.post("/api/uploads", headers=headers)) == {"filename"}

    def test_what_common_uploaders_say_tells_the_kind(self, client: FlaskClient) -> None:
        told = encoded(relativePath="null", name="cat.png", type="image/png", filename="cat.png", filetype="image/png")
        headers = TUS | {"Upload-Length": str(len(PNG)), "Upload-Metadata": told}
        made = client.post("/api/uploads", headers=headers, data=PNG, content_type=BYTES)
        assert client.get(made.json["media_url"]).json["filename"] == "cat.png"

    @pytest.mark.parametrize(
        ("filetype", "kind"),
        [
            ("text/html", "document"),
            ("text/markdown;charset=utf-8", "document"),
            ("application/x-subrip", "document"),
            ("application/vnd.openxmlformats-officedocument.wordprocessingml.document", "document"),
            ("Video/MP4; codecs=avc1", "video"),
            ("audio/webm;codecs=opus", "audio"),
        ],
    )
    def test_the_type_of_any_file_that_is_taken_tells_the_kind(
        self, client: FlaskClient, filetype: str, kind: str
    ) -> None:
        headers = TUS | {"Upload-Length": "5", "Upload-Metadata": encoded(filetype=filetype)}
        place = client.post("/api/uploads", headers=headers).headers["Location"]
        assert client.get(place).json["kind"] == kind

    def test_too_large_or_empty_files(self, client: FlaskClient) -> None:
        assert create(client, MAX_UPLOAD_BYTES + 1).status_code == 413
        assert pointers(create(client, 0)) == {"Upload-Length"}

    def test_what_is_no_such_file_ends_the_upload_at_its_first_bytes(self, client: FlaskClient) -> None:
        place = begun(client, 50_000)
        response = patch(client, place, 0, PNG + bytes(5000))
        assert response.status_code == 415
        assert client.head(place, headers=TUS).status_code == 404

    def test_another_tenant_finds_nothing(self, client: FlaskClient, client_of: ClientOf) -> None:
        place, rival = begun(client), client_of("rival")
        assert rival.get(place).status_code == rival.head(place, headers=TUS).status_code == 404
        assert patch(rival, place, 0, MP4).status_code == rival.delete(place, headers=TUS).status_code == 404
        assert rival.get("/api/uploads").json["total"] == 0

    def test_quotas_hold_at_the_beginning_with_what_was_announced(
        self, client: FlaskClient, client_of: ClientOf
    ) -> None:
        set_quota(client_of, 2 * len(MP4))
        first = begun(client)
        begun(client)
        assert create(client).status_code == 507
        assert client.delete(first, headers=TUS).status_code == 204
        begun(client)

    def test_and_at_the_end_after_which_the_last_bytes_may_come_again(
        self, client: FlaskClient, client_of: ClientOf
    ) -> None:
        place = begun(client)
        patch(client, place, 0, MP4[:500])
        set_quota(client_of, 10)
        assert patch(client, place, 500, MP4[500:]).status_code == 507
        assert offset_of(client, place) == 500
        set_quota(client_of, None)
        assert patch(client, place, 500, MP4[500:600]).status_code == 204
        assert patch(client, place, 600, MP4[600:]).status_code == 204
        assert client.get(client.get(client.get(place).json["media_url"]).json["source_url"]).data == MP4


class TestOneWriter:
    def test_another_is_told_to_wait(self, client: FlaskClient, broker: Broker) -> None:
        place = begun(client)
        with broker.uploads.writer("acme", place.rpartition("/")[2]):
            response = patch(client, place, 0, MP4)
            assert (response.status_code, response.json["code"]) == (423, "upload_locked")
            assert int(response.headers["Retry-After"]) >= 1
            assert client.delete(place, headers=TUS).status_code == 423
            assert offset_of(client, place) == 0
        assert patch(client, place, 0, MP4).status_code == 204

    def test_a_dead_one_is_not_waited_for_and_changes_nothing_when_it_comes_back(
        self, client: FlaskClient, broker: Broker
    ) -> None:
        place = begun(client)
        upload_id = place.rpartition("/")[2]
        with pytest.raises(Exception, match="taken this upload over"), broker.uploads.writer("acme", upload_id) as dead:
            broker.redis.hset(broker.keys.upload(upload_id), "held_until_us", 1)
            assert patch(client, place, 0, MP4[:100]).status_code == 204
            dead.append(io.BytesIO(b"y" * 50), 50, len(MP4))
        assert offset_of(client, place) == 100
        patch(client, place, 100, MP4[100:])
        assert client.get(client.get(client.get(place).json["media_url"]).json["source_url"]).data == MP4

    def test_one_that_stood_still_gets_nothing_back_from_who_has_ended_meanwhile(
        self, client: FlaskClient, broker: Broker
    ) -> None:
        """Neither the upload, nor a word on how far it is."""
        place = begun(client)
        upload_id = place.rpartition("/")[2]
        with pytest.raises(UploadLocked, match="taken this upload over"), _still(broker, upload_id) as dead:
            assert patch(client, place, 0, MP4[:100]).status_code == 204
            with pytest.raises(UploadLocked, match="taken this upload over"):
                broker.uploads.held_still("acme", upload_id, dead.name)
            dead.save(replace(dead.upload, offset=50))
        assert offset_of(client, place) == 100
        assert patch(client, place, 100, MP4[100:]).status_code == 204

    def test_one_that_stood_still_before_it_could_remove_an_upload_removes_no_file(
        self, client: FlaskClient, broker: Broker
    ) -> None:
        place = begun(client)
        with pytest.raises(UploadLocked), _still(broker, place.rpartition("/")[2]) as dead:
            assert patch(client, place, 0, MP4).status_code == 204
            broker.uploads.remove(dead)
        assert client.get(client.get(client.get(place).json["media_url"]).json["source_url"]).data == MP4

    def test_nor_when_the_upload_was_completed_so_long_ago_that_it_is_forgotten(
        self, client: FlaskClient, broker: Broker
    ) -> None:
        place = begun(client)
        upload_id = place.rpartition("/")[2]
        with pytest.raises(UploadLocked), _still(broker, upload_id) as dead:
            assert patch(client, place, 0, MP4).status_code == 204
            media_url = client.get(place).json["media_url"]
            assert broker.redis.pexpire(broker.keys.upload(upload_id), 0)
            broker.uploads.remove(dead)
        assert client.get(client.get(media_url).json["source_url"]).data == MP4

    def test_one_whose_upload_nobody_has_taken_goes_on(self, client: FlaskClient, broker: Broker) -> None:
        place = begun(client)
        with _still(broker, place.rpartition("/")[2]) as late:
            late.save(late.append(io.BytesIO(MP4[:100]), 100, len(MP4)))
        assert offset_of(client, place) == 100


class TestOnce:
    def test_a_repeated_last_piece_makes_nothing_twice(self, client: FlaskClient) -> None:
        place = begun(client)
        patch(client, place, 0, MP4)
        assert patch(client, place, 0, MP4).status_code == 409
        assert offset_of(client, place) == len(MP4)
        assert len(tasks(client)) == 1
        assert client.get("/api/videos").json["total"] == 1

    @pytest.mark.parametrize("moment", ["completed", "submitted"])
    def test_whoever_dies_at_the_end_has_it_ended_by_the_next(
        self, client: FlaskClient, broker: Broker, monkeypatch: pytest.MonkeyPatch, moment: str
    ) -> None:
        """After the bytes are an object, or after the task was made: before the upload says that it is complete."""
        place = begun(client)
        patch(client, place, 0, MP4[:600])
        with _dying(monkeypatch, broker, moment):
            assert patch(client, place, 600, MP4[600:]).status_code == 503
        assert offset_of(client, place) == (600 if moment == "completed" else len(MP4))
        again = patch(client, place, 600, MP4[600:])
        assert again.status_code == (204 if moment == "completed" else 409)
        assert offset_of(client, place) == len(MP4)
        assert len(tasks(client)) == 1
        assert client.get("/api/videos").json["total"] == 1
        assert client.get(client.get(client.get(place).json["media_url"]).json["source_url"]).data == MP4


class TestTheirEnd:
    def test_what_nobody_goes_on_with_is_removed_with_its_bytes(self, client: FlaskClient, broker: Broker) -> None:
        silent, alive = begun(client), begun(client)
        patch(client, silent, 0, MP4[:100])
        broker.redis.zadd(broker.keys.upload_expiry(), {silent.rpartition("/")[2]: 1})
        broker.redis.hset(broker.keys.upload(silent.rpartition("/")[2]), "ends_us", 1)
        expiry = UploadExpiry(broker.redis, broker.keys, broker.uploads, broker.media.exists)
        assert [each.id for each in expiry.remove_expired(10)] == [silent.rpartition("/")[2]]
        assert client.head(silent, headers=TUS).status_code == 404
        assert offset_of(client, alive) == 0
        assert broker.storage.remove_unfinished(-60, lambda keys: set()) == 1  # that of the living one

    def test_the_sweeper_leaves_alone_what_goes_on(self, client: FlaskClient, broker: Broker) -> None:
        place = begun(client)
        patch(client, place, 0, MP4[:100])
        assert broker.storage.remove_unfinished(-60, broker.uploads.live) == 0
        assert patch(client, place, 100, MP4[100:]).status_code == 204


@contextmanager
def _still(broker: Broker, upload_id: str) -> Iterator[Writer]:
    """A writer that has stood still, from when it had looked at the upload until its hold was over."""
    with broker.uploads.writer("acme", upload_id) as writer:
        broker.redis.hset(broker.keys.upload(upload_id), "held_until_us", 1)
        yield writer


@contextmanager
def _dying(monkeypatch: pytest.MonkeyPatch, broker: Broker, moment: str) -> Iterator[None]:
    def die(*_: Any, **__: Any) -> None:
        raise Unavailable("killed")

    with monkeypatch.context() as patched:
        if moment == "completed":
            patched.setattr(broker.tasks, "submit", die)
        else:
            patched.setattr(Uploads, "save", die)
        yield
    for upload_id in broker.redis.zrange(broker.keys.uploads("acme"), 0, -1):  # its hold ends by itself
        broker.redis.hset(broker.keys.upload(upload_id), "held_until_us", 1)
