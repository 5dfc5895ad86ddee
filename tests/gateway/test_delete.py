"""DELETE of media and tasks over HTTP, and what an upload may ask about its own end."""

import io
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from flask.testing import FlaskClient

from broker.broker import Broker
from broker.engine.transitions import Claimed
from broker.errors import Unavailable
from broker.media import paths
from broker.tasks.installed_types import import_named
from broker.worker.child_state import ChildState
from broker.worker.run import RunContext
from tests.gateway.conftest import ClientOf
from tests.gateway.media import MP4, PNG, upload
from tests.gateway.problem import pointers, problem
from tests.gateway.work import complete, fail, start

KINDS = [pytest.param("/api/videos", MP4, id="video"), pytest.param("/api/images", PNG, id="image")]
MISSING = "11111111-1111-4111-8111-111111111111"


class Running(RunContext):
    """A run that is not over, of a task that the broker need not know."""

    def remember(self, key: str, value: Any) -> None:
        pass


@pytest.fixture
def context_of(broker: Broker) -> Callable[[str], RunContext]:
    """What a run of a task about a video of acme's sees."""

    def make(media_id: str) -> RunContext:
        payload = json.dumps({"video_id": media_id, "entity_type": "video", "entity_id": media_id})
        claimed = Claimed(MISSING, "VideoTranscoding", "acme", payload, 1, 60, 0, "")
        return Running(broker, ChildState(), claimed, "x", 1e9)

    return make


@pytest.fixture
def no_model(monkeypatch: pytest.MonkeyPatch) -> None:
    """The handler that embeds gets as far as its file, without seconds of loading what is not asked for anything."""
    encoder = SimpleNamespace(name="a model", sees=True, passages=None)
    monkeypatch.setattr("handlers.embedding.run._encoder", lambda: encoder)


def post(client: FlaskClient, content: bytes = MP4, path: str = "/api/videos", key: str = "", **fields: Any) -> Any:
    headers = {"Idempotency-Key": key} if key else {}
    return client.post(path, data={"file": (io.BytesIO(content), "a.mp4"), **fields}, headers=headers)


def made(client: FlaskClient, broker: Broker, **fields: Any) -> dict[str, Any]:
    """A video that was transcoded, with what a plugin made of it."""
    video: dict[str, Any] = post(client, **fields).json
    for name in ("master.m3u8", "360p/00001.m4s"):
        broker.storage.put(paths.hls("acme", video["id"], name), io.BytesIO(b"x"))
    complete(broker, {"hls_master": "hls/master.m3u8", "poster": "hls/poster.jpg"}, video["id"], variants=[])
    task = client.post("/api/plugins/checksum/execute", json={"media_id": video["id"]}).json
    broker.storage.put(paths.plugin_file("acme", video["id"], "checksum", task["id"], "a.json"), io.BytesIO(b"{}"))
    files = [{"name": "a.json", "size": 2}]
    complete(
        broker,
        {"files": files},
        video["id"],
        **{"plugin:checksum": {"task_id": task["id"], "data": {}, "files": files}},
    )
    shown: dict[str, Any] = client.get(f"/api/videos/{video['id']}").json
    return shown | {"plugin_task": task["id"]}


@pytest.mark.parametrize(("path", "content"), KINDS)
def test_a_deleted_file_is_gone_with_its_bytes_and_its_task(
    client: FlaskClient, broker: Broker, path: str, content: bytes
) -> None:
    media = upload(client, path, content).json
    response = client.delete(f"{path}/{media['id']}")
    assert (response.status_code, response.data) == (204, b"")
    assert list(broker.storage.keys("acme/")) == []
    problem(client.get(f"{path}/{media['id']}"), 404, "not_found")
    assert client.get(path).json["total"] == 0
    assert client.get(f"/api/tasks/{media['task_id']}").json["status"] == "cancelled"


@pytest.mark.parametrize(("path", "content"), KINDS)
def test_what_is_not_there_or_anothers_or_of_another_kind_is_missing(
    client: FlaskClient, client_of: ClientOf, path: str, content: bytes
) -> None:
    media = upload(client, path, content).json
    other = "/api/images" if path == "/api/videos" else "/api/videos"
    problem(client_of("rival").delete(f"{path}/{media['id']}"), 404, "not_found")
    problem(client.delete(f"{other}/{media['id']}"), 404, "not_found")
    problem(client.delete(f"{path}/{MISSING}"), 404, "not_found")
    assert client.get(f"{path}/{media['id']}").status_code == 200


def test_links_end_at_once_and_nothing_leads_to_them_any_more(
    client: FlaskClient, anonymous: FlaskClient, broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also when the bytes are still there, because the storage is away."""
    video = made(client, broker)
    (file,) = video["plugins"]["checksum"]["files"]
    links = [video["hls_url"], file["url"]]
    tasks = [video["task_id"], video["plugin_task"]]
    assert [anonymous.get(link).status_code for link in links] == [200, 200]
    assert all(client.get(f"/api/tasks/{each}").json["links"] for each in tasks)
    other = made(client, broker)

    def away(*_: Any) -> int:
        raise Unavailable("away")

    monkeypatch.setattr(broker.storage, "delete", away)
    assert client.delete(f"/api/videos/{video['id']}").status_code == 204
    monkeypatch.undo()
    assert [anonymous.get(link).status_code for link in links] == [404, 404]
    assert [client.get(f"/api/tasks/{each}").json["links"] for each in tasks] == [None, None]
    listed = {each["id"]: each["links"] for each in client.get("/api/tasks").json["tasks"]}
    assert [bool(listed[each]) for each in (*tasks, other["task_id"])] == [False, False, True]
    assert anonymous.get(other["hls_url"]).status_code == 200


def test_what_is_stored_plays_on_while_redis_cannot_be_asked(
    client: FlaskClient, anonymous: FlaskClient, broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    video = made(client, broker)

    def away(*_: Any) -> bool:
        raise Unavailable()

    monkeypatch.setattr(type(broker.media), "exists", away)
    assert anonymous.get(video["hls_url"]).status_code == 200


def test_a_repeated_upload_is_not_made_of_what_was_deleted(client: FlaskClient, broker: Broker) -> None:
    """Its first attempt stored a record and died before it could answer; the file was deleted, and all forgotten."""
    first = post(client, key="k").json
    (record,) = broker.redis.keys(broker.keys.idempotency("*"))
    broker.redis.hdel(record, "status", "location", "body")
    broker.redis.hset(record, "until_us", 0)
    assert client.delete(f"/api/videos/{first['id']}").status_code == 204
    problem(post(client, key="k"), 410, "deleted")
    broker.redis.delete(broker.keys.tombstone(first["id"]), broker.keys.tombstones())
    problem(post(client, key="k"), 410, "deleted")
    assert list(broker.storage.keys("acme/")) == []
    assert client.get("/api/videos").json["total"] == 0


def test_what_follows_an_upload_goes_with_it_and_cannot_bring_it_back(client: FlaskClient, broker: Broker) -> None:
    asked = {"then": '["checksum"]', "expires_at": "2999-01-01", "keep_source": "false"}
    video = post(client, key="k", **asked).json
    assert (video["expires_at"], video["keep_source"]) == ("2999-01-01T23:59:59.999999Z", False)
    assert broker.redis.zrange(broker.keys.media_expiry(), 0, -1) == [video["id"]]
    (record,) = broker.redis.keys(broker.keys.idempotency("*"))
    broker.redis.hdel(record, "status", "location", "body")
    broker.redis.hset(record, "until_us", 0)
    assert client.delete(f"/api/videos/{video['id']}").status_code == 204
    assert {each["status"] for each in client.get("/api/tasks").json["tasks"]} == {"cancelled"}
    problem(post(client, key="k", **asked), 410, "deleted")
    broker.redis.delete(broker.keys.tombstone(video["id"]), broker.keys.tombstones())
    problem(post(client, key="k", **asked), 410, "deleted")
    assert list(broker.storage.keys("acme/")) == []


def test_the_audit_log_tells_who_deleted_what(client: FlaskClient, client_of: ClientOf, broker: Broker) -> None:
    video = upload(client, "/api/videos", MP4).json
    task_id = fail(broker)
    assert client.delete(f"/api/tasks/{task_id}").status_code == 204
    for _ in range(2):  # the second changes nothing
        assert client.delete(f"/api/videos/{video['id']}").status_code == 204
    told = [
        (each["actor"], each["tenant"], each["action"], each["subject"], each["before"])
        for each in client_of("ops").get("/api/audit").json["entries"]
    ]
    who = ("API_KEYS:2", "acme")
    assert told == [
        (*who, "media.deleted", video["id"], {"kind": "video"}),
        (*who, "task.deleted", task_id, {"type": "VideoTranscoding", "status": "failed"}),
    ]


class TestTask:
    def test_one_that_has_ended_is_gone_and_counted_no_more(self, client: FlaskClient, broker: Broker) -> None:
        kept = made(client, broker)
        before, objects = client.get("/api/tasks/stats").json, list(broker.storage.keys("acme/"))
        task = client.post("/api/plugins/checksum/execute", json={"media_id": kept["id"]}).json
        key = paths.plugin_file("acme", kept["id"], "checksum", task["id"], "a.json")
        broker.storage.put(key, io.BytesIO(b"{}"))
        complete(broker, {"files": [{"name": "a.json", "size": 2}]})
        response = client.delete(f"/api/tasks/{task['id']}")
        assert (response.status_code, response.data) == (204, b"")
        problem(client.get(f"/api/tasks/{task['id']}"), 404, "not_found")
        problem(client.delete(f"/api/tasks/{task['id']}"), 404, "not_found")
        assert client.get("/api/tasks/stats").json == before
        assert list(broker.storage.keys("acme/")) == objects

    @pytest.mark.parametrize("status", ["pending", "scheduled", "processing"])
    def test_one_that_has_not_ended_is_refused(self, client: FlaskClient, broker: Broker, status: str) -> None:
        later = {"delay_seconds": 600} if status == "scheduled" else {}
        body = {"type": "VideoTranscoding", "payload": {"video_id": MISSING}, **later}
        task_id = client.post("/api/tasks", json=body).json["id"]
        if status == "processing":
            start(broker)
        refused = problem(client.delete(f"/api/tasks/{task_id}"), 409, "not_ended")
        assert refused["current_status"] == status
        assert client.get(f"/api/tasks/{task_id}").json["status"] == status

    def test_another_tenants_is_missing(self, client: FlaskClient, client_of: ClientOf, broker: Broker) -> None:
        upload(client, "/api/videos", MP4)
        problem(client_of("rival").delete(f"/api/tasks/{fail(broker)}"), 404, "not_found")


class TestExpiry:
    def test_what_the_form_asks_for_is_shown(self, client: FlaskClient) -> None:
        video = post(client, expires_at="2999-01-01T01:00:00+01:00").json
        assert video["expires_at"] == "2999-01-01T00:00:00.000000Z"
        assert client.get(f"/api/videos/{video['id']}").json["expires_at"] == video["expires_at"]
        assert client.get("/api/videos").json["videos"][0]["expires_at"] == video["expires_at"]
        image = post(client, PNG, "/api/images", expires_at="2999-01-01").json
        assert image["expires_at"] == "2999-01-01T23:59:59.999999Z"
        assert post(client).json["expires_at"] is None

    @pytest.mark.parametrize(
        "value",
        ["2001-01-01T00:00:00Z", "tomorrow", "", "1e9", "2999-13-01T00:00:00Z", "9999-12-31T23:59:59-23:59"],
    )
    def test_what_is_no_moment_in_the_future_is_refused(self, client: FlaskClient, broker: Broker, value: str) -> None:
        assert pointers(post(client, expires_at=value)) == {"expires_at"}
        assert list(broker.storage.keys("acme/")) == []
        assert client.get("/api/tasks").json["total"] == 0

    def test_it_is_a_text_and_given_once(self, client: FlaskClient) -> None:
        assert pointers(post(client, expires_at=(io.BytesIO(b"2999-01-01"), "a.txt"))) == {"expires_at"}
        assert pointers(post(client, expires_at=["2999-01-01", "2999-01-02"])) == {"expires_at"}

    def test_the_operators_retention_is_shown_where_it_ends_sooner(self, client: FlaskClient, broker: Broker) -> None:
        object.__setattr__(broker.settings, "media_retention_days", 2.0)
        try:
            shown = post(client, expires_at="2999-01-01").json
            asked = f"{datetime.now(UTC) + timedelta(days=1):%Y-%m-%dT%H:%M:%SZ}"
            sooner = post(client, expires_at=asked).json
        finally:
            object.__setattr__(broker.settings, "media_retention_days", None)
        days = [
            (datetime.fromisoformat(each["expires_at"]) - datetime.fromisoformat(each["created_at"]))
            / timedelta(days=1)
            for each in (shown, sooner)
        ]
        assert days[0] == 2.0
        assert 0.99 < days[1] <= 1.0

    def test_it_belongs_to_what_an_idempotency_key_stands_for(self, client: FlaskClient) -> None:
        first = post(client, key="k", expires_at="2999-01-01").json
        assert post(client, key="k", expires_at="2999-01-01").json["id"] == first["id"]
        problem(post(client, key="k"), 422, "idempotency_key_reused")
        problem(post(client, key="k", expires_at="2999-01-01", keep_source="false"), 422, "idempotency_key_reused")


class TestSource:
    def removed(self, client: FlaskClient, broker: Broker) -> dict[str, Any]:
        """A video whose source is gone, as the daemon does it."""
        video = made(client, broker, keep_source="false")
        assert (video["keep_source"], video["source_removed_at"]) == (False, None)
        broker.redis.hset(broker.keys.media(video["id"]), "source_removed_at", "2024-01-01T00:00:00.000000Z")
        broker.storage.delete(paths.source("acme", video["id"]))
        return video

    def test_the_record_says_so_and_it_plays_on(
        self, client: FlaskClient, anonymous: FlaskClient, broker: Broker
    ) -> None:
        video = self.removed(client, broker)
        shown = client.get(f"/api/videos/{video['id']}").json
        assert shown["source_removed_at"] == "2024-01-01T00:00:00.000000Z"
        assert anonymous.get(shown["hls_url"]).status_code == 200

    def test_downloads_and_plugins_are_refused_with_the_reason(
        self, client: FlaskClient, anonymous: FlaskClient, broker: Broker, context_of: Callable[[str], RunContext]
    ) -> None:
        video = self.removed(client, broker)
        run = client.post("/api/plugins/checksum/execute", json={"media_id": video["id"]})
        assert "keep_source=false" in problem(run, 409, "source_removed")["detail"]
        link = context_of(video["id"]).source_url(video["id"]).removeprefix("https://tasks.example.com")
        assert "keep_source=false" in problem(anonymous.get(link), 410, "source_removed")["detail"]

    @pytest.mark.parametrize("handler", ["handlers.transcoding.run:transcode", "handlers.embedding.run:embed"])
    def test_a_task_that_needs_it_fails_with_the_reason(
        self, client: FlaskClient, broker: Broker, context_of: Callable[[str], RunContext], handler: str, no_model: None
    ) -> None:
        video = self.removed(client, broker)
        with pytest.raises(Exception, match="keep_source=false"):
            import_named(handler)(context_of(video["id"]))

    def test_it_is_for_videos_and_true_or_false(self, client: FlaskClient) -> None:
        assert pointers(post(client, PNG, "/api/images", keep_source="false")) == {"keep_source"}
        assert pointers(post(client, keep_source="no")) == {"keep_source"}
        assert post(client, keep_source="true").json["keep_source"] is True
        assert post(client).json["keep_source"] is True
