"""Groups and tags of tasks, weights and caps of tenants, holds: what is taken, what is refused whole, and for whom."""

import io
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from broker.broker import Broker
from broker.queues import holds
from tests.gateway.conftest import NEW_TASK, VIDEO_ID, ClientOf
from tests.gateway.media import MP4
from tests.gateway.problem import pointers, problem
from tests.gateway.work import complete, start

GROUP_DEFECTS = ["", "x" * 65, "a\x00b", "a\nb", "\x1b[2J", "\u202e", 1, None, ["x"]]
UNPRINTABLE = ["", "a\x07", "\x7f", 5, None, {}]


@pytest.fixture
def operator(client_of: ClientOf) -> FlaskClient:
    return client_of("ops")


def told(operator: FlaskClient) -> list[tuple[str, str, Any, Any]]:
    entries = operator.get("/api/audit").json["entries"]
    return [(each["action"], each["subject"], each["before"], each["after"]) for each in entries]


class TestGroupsAndTags:
    @pytest.mark.parametrize("group", ["x", "é" * 64, "a:b c,d/é", "*"])
    @pytest.mark.parametrize("tags", [[], ["a"], ["t" * 64, "zwei Worte", '"\\', "a", "a"]])
    def test_a_task_shows_what_it_was_submitted_with(self, client: FlaskClient, group: str, tags: list[str]) -> None:
        answers = client.post("/api/tasks", json=NEW_TASK | {"group": group, "tags": tags})
        batch = client.post("/api/tasks/batch", json={"tasks": [NEW_TASK | {"group": group, "tags": tags}]})
        assert (answers.status_code, batch.status_code) == (201, 201)
        shown = [answers.json, *batch.json["tasks"], *client.get("/api/tasks").json["tasks"]]
        shown.append(client.get(f"/api/tasks/{answers.json['id']}").json)
        assert [(each["group"], each["tags"]) for each in shown] == [(group, tags)] * 5

    @pytest.mark.parametrize("group", GROUP_DEFECTS)
    def test_a_group_that_cannot_be(self, client: FlaskClient, group: Any) -> None:
        refused(client, {"group": group}, "group")

    @pytest.mark.parametrize("tag", GROUP_DEFECTS)
    def test_a_tag_that_cannot_be(self, client: FlaskClient, tag: Any) -> None:
        refused(client, {"tags": ["fine", tag]}, "tags/1")

    @pytest.mark.parametrize("tags", [None, "a", {"a": 1}, [str(n) for n in range(11)]])
    def test_tags_that_cannot_be(self, client: FlaskClient, tags: Any) -> None:
        refused(client, {"tags": tags}, "tags")

    def test_groups_of_a_tenant_take_turns(self, client: FlaskClient, broker: Broker) -> None:
        many = [NEW_TASK | {"group": "many"}] * 5
        client.post("/api/tasks/batch", json={"tasks": many})
        client.post("/api/tasks", json=NEW_TASK | {"group": "one"})
        started = [client.get(f"/api/tasks/{start(broker)[0].id}").json["group"] for _ in range(2)]
        assert sorted(started) == ["many", "one"]


def refused(client: FlaskClient, options: dict[str, Any], pointer: str) -> None:
    assert pointers(client.post("/api/tasks", json=NEW_TASK | options)) == {f"#/{pointer}"}
    batch = {"tasks": [NEW_TASK, NEW_TASK | options]}
    assert pointers(client.post("/api/tasks/batch", json=batch)) == {f"#/tasks/1/{pointer}"}
    assert client.get("/api/tasks").json["total"] == 0


class TestUploads:
    def upload(self, client: FlaskClient, **sent: Any) -> TestResponse:
        headers = sent.pop("headers", {})
        return client.post("/api/videos", data={"file": (io.BytesIO(MP4), "x"), **sent}, headers=headers)

    def groups(self, client: FlaskClient) -> list[str | None]:
        return [each["group"] for each in client.get("/api/tasks").json["tasks"]]

    def test_the_group_is_that_of_the_uploads_task_and_of_all_that_follows(
        self, client: FlaskClient, broker: Broker
    ) -> None:
        assert self.upload(client, group="u 1", then='["checksum", "embedding"]').status_code == 201
        for _ in range(3):
            complete(broker)
        assert self.groups(client) == ["u 1"] * 3

    @pytest.mark.parametrize("group", ["", "x" * 65, "a\x00b", "a\tb"])
    def test_one_that_cannot_be_leaves_nothing(self, client: FlaskClient, broker: Broker, group: str) -> None:
        assert pointers(self.upload(client, group=group)) == {"group"}
        assert list(broker.storage.keys("acme/")) == []
        assert client.get("/api/tasks").json["total"] == client.get("/api/videos").json["total"] == 0

    def test_it_is_no_file(self, client: FlaskClient) -> None:
        assert pointers(self.upload(client, group=(io.BytesIO(b"x"), "group.txt"))) == {"group"}

    def test_a_repeated_request_makes_nothing_twice_and_one_for_another_group_is_refused(
        self, client: FlaskClient
    ) -> None:
        key = {"Idempotency-Key": "k"}
        first, again = (self.upload(client, group="a", headers=key) for _ in range(2))
        assert (first.status_code, first.json) == (again.status_code, again.json)
        for other in ({"group": "b"}, {}, {"group": "a", "then": '["checksum"]'}):
            assert self.upload(client, headers=key, **other).status_code == 422
        assert self.groups(client) == ["a"]


NO_CAPS = {"tenant_rate": None, "tenant_burst": 1, "tenant_concurrency": None, "group_concurrency": None,
           "aging_seconds": None}  # fmt: skip


class TestQueues:
    def caps(self, operator: FlaskClient) -> dict[str, Any]:
        (queue,) = [each for each in operator.get("/api/queues").json["queues"] if each["type"] == "VideoTranscoding"]
        return {name: queue[name] for name in NO_CAPS}

    @pytest.mark.parametrize(
        "change",
        [
            {"tenant_rate": 0.001},
            {"tenant_rate": 100_000, "tenant_burst": 1_000_000},
            {"tenant_concurrency": 1, "group_concurrency": 100_000},
            {"aging_seconds": 1},
            {"aging_seconds": 604_800, "tenant_rate": 1.5},
        ],
    )
    def test_caps_are_set_and_taken_back(self, operator: FlaskClient, change: dict[str, Any]) -> None:
        assert self.caps(operator) == NO_CAPS
        answer = operator.patch("/api/queues/VideoTranscoding", json=change)
        assert {name: answer.json[name] for name in NO_CAPS} == self.caps(operator) == NO_CAPS | change
        operator.patch("/api/queues/VideoTranscoding", json={"burst": 2})
        assert self.caps(operator) == NO_CAPS | change
        (_, _, before, after) = told(operator)[1]
        assert {name: before[name] for name in NO_CAPS} == NO_CAPS
        assert {name: after[name] for name in NO_CAPS} == NO_CAPS | change
        operator.patch("/api/queues/VideoTranscoding", json=NO_CAPS)
        assert self.caps(operator) == NO_CAPS

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            *[("tenant_rate", value) for value in (0, -1, 0.0015, 100_001, "1", True)],
            *[("tenant_burst", value) for value in (0, None, 1.5, 1_000_001)],
            *[("tenant_concurrency", value) for value in (0, 100_001, "1")],
            *[("group_concurrency", value) for value in (0, 100_001, 2.5)],
            *[("aging_seconds", value) for value in (0, -1, 604_801, 0.5, "1")],
            ("group_rate", 1),
        ],
    )
    def test_a_cap_that_cannot_be_is_refused_whole(self, operator: FlaskClient, name: str, value: Any) -> None:
        change = {"tenant_rate": 5, name: value}
        assert pointers(operator.patch("/api/queues/VideoTranscoding", json=change)) == {f"#/{name}"}
        assert self.caps(operator) == NO_CAPS
        assert told(operator) == []

    def test_a_capped_tenant_holds_up_nobody_else(
        self, operator: FlaskClient, client_of: ClientOf, broker: Broker
    ) -> None:
        operator.patch("/api/queues/VideoTranscoding", json={"tenant_concurrency": 1})
        for tenant in ("acme", "acme", "rival"):
            client_of(tenant).post("/api/tasks", json=NEW_TASK)
        assert sorted(start(broker)[0].tenant for _ in range(2)) == ["acme", "rival"]


UNSET = {"name": "acme", "weight": 1.0, "caps": {}, "quotas": {}}


class TestTenants:
    def test_what_is_put_is_shown_and_all_of_it_replaced(self, operator: FlaskClient) -> None:
        assert operator.get("/api/tenants/acme").json == UNSET
        caps = {"VideoTranscoding": {"rate": 0.125, "concurrency": None}, "PluginExecution": {"burst": 3}}
        answer = operator.put("/api/tenants/acme", json={"weight": 123.45678, "caps": caps})
        assert answer.status_code == 200, answer.text
        assert answer.json == operator.get("/api/tenants/acme").json
        assert answer.json["weight"] == 123.45678
        assert answer.json["caps"] == {
            "PluginExecution": {"rate": "type", "burst": 3, "concurrency": "type"},
            "VideoTranscoding": {"rate": 0.125, "burst": "type", "concurrency": None},
        }
        shown = answer.json
        assert operator.put("/api/tenants/acme", json={"weight": 2}).json == UNSET | {"weight": 2}
        assert operator.put("/api/tenants/acme", json={}).json == UNSET
        operator.put("/api/tenants/acme", json={})  # changes nothing
        assert told(operator) == [
            ("tenant.changed", "acme", UNSET | {"weight": 2}, UNSET),
            ("tenant.changed", "acme", shown, UNSET | {"weight": 2}),
            ("tenant.changed", "acme", UNSET, shown),
        ]

    @pytest.mark.parametrize(
        ("change", "where"),
        [
            *[({"weight": value}, "weight") for value in (0, 0.009, 1000.1, "2", None, True, [])],
            ({"wieght": 2}, "wieght"),
            ({"caps": []}, "caps"),
            ({"caps": {"Nope": {}}}, "caps/Nope"),
            ({"caps": {"VideoTranscoding": 5}}, "caps/VideoTranscoding"),
            ({"caps": {"VideoTranscoding": {"level": 5}}}, "caps/VideoTranscoding/level"),
            *[
                ({"caps": {"VideoTranscoding": {"rate": value}}}, "caps/VideoTranscoding/rate")
                for value in (0, 0.0015, 100_001, "none", "", True, {})
            ],
            *[
                ({"caps": {"VideoTranscoding": {"burst": value}}}, "caps/VideoTranscoding/burst")
                for value in (0, None, 1.5, 1_000_001, "many")
            ],
            *[
                ({"caps": {"VideoTranscoding": {"concurrency": value}}}, "caps/VideoTranscoding/concurrency")
                for value in (0, 100_001, "5")
            ],
        ],
    )
    def test_what_cannot_be_is_refused_whole(self, operator: FlaskClient, change: dict[str, Any], where: str) -> None:
        whole = {"weight": 5, "caps": {"PluginExecution": {"burst": 2}}} | change
        assert pointers(operator.put("/api/tenants/acme", json=whole)) == {f"#/{where}"}
        assert operator.get("/api/tenants/acme").json == UNSET
        assert told(operator) == []

    @pytest.mark.parametrize("name", ["a b", "a:b", "a,b", "%00", "a%0Ab", "x" * 256])
    def test_a_name_that_no_tenant_can_have(self, operator: FlaskClient, name: str) -> None:
        assert pointers(operator.get(f"/api/tenants/{name}")) == {"name"}
        assert pointers(operator.put(f"/api/tenants/{name}", json={"weight": 2})) == {"name"}

    def test_a_weight_shares_the_starts(self, operator: FlaskClient, client_of: ClientOf, broker: Broker) -> None:
        operator.put("/api/tenants/rival", json={"weight": 3})
        for tenant in ("acme", "rival"):
            client_of(tenant).post("/api/tasks/batch", json={"tasks": [NEW_TASK] * 20})
        started = [start(broker)[0].tenant for _ in range(20)]
        assert started.count("rival") in (14, 15, 16)


class TestHolds:
    @pytest.mark.parametrize(
        "fits",
        [
            {"tenant": "acme"}, {"group": "g"}, {"tag": "t"}, {"media_id": VIDEO_ID},
            {"type": "VideoTranscoding", "tenant": "acme", "group": "g", "tag": "t", "media_id": VIDEO_ID},
        ],
    )  # fmt: skip
    def test_what_fits_waits_until_it_is_let_go(
        self, operator: FlaskClient, client: FlaskClient, broker: Broker, fits: dict[str, str]
    ) -> None:
        sick = NEW_TASK | {"group": "g", "tags": ["t"]}
        held = client.post("/api/tasks", json=sick).json["id"]
        answer = operator.post("/api/holds", json=fits | {"reason": "é: sick"})
        assert answer.status_code == 201, answer.text
        hold = answer.json
        assert answer.headers["Location"] == f"/api/holds/{hold['id']}"
        unset = dict.fromkeys(("type", "tenant", "group", "tag", "media_id"))
        assert {name: hold[name] for name in unset} == unset | fits
        assert (hold["held"], hold["settled"], hold["reason"]) == (1, True, "é: sick")
        later = client.post("/api/tasks", json=sick).json["id"]
        healthy = operator.post("/api/tasks", json={**NEW_TASK, "payload": {"video_id": MEDIA_ID}}).json["id"]
        assert start(broker)[0].id == healthy
        assert operator.get("/api/holds").json == {"holds": [hold | {"held": 2}]}
        assert client.get(f"/api/tasks/{held}").json["status"] == "pending"
        assert operator.delete(f"/api/holds/{hold['id']}").status_code == 204
        assert operator.get("/api/holds").json == {"holds": []}
        assert [start(broker)[0].id for _ in range(2)] == [held, later]
        assert [(action, subject) for action, subject, *_ in told(operator)] == [
            ("hold.deleted", hold["id"]), ("hold.created", hold["id"]),
        ]  # fmt: skip
        assert told(operator)[1][2:] == (None, hold)
        assert told(operator)[0][2:] == (hold | {"held": 2}, None)

    @pytest.mark.parametrize(
        ("body", "where"),
        [
            ({"reason": "x"}, {"#"}),
            ({}, {"#/reason"}),
            ({"tenant": "acme"}, {"#/reason"}),
            ({"type": "Nope", "reason": "x"}, {"#/type"}),
            ({"media_id": "nope", "reason": "x"}, {"#/media_id"}),
            ({"media_id": 5, "reason": "x"}, {"#/media_id"}),
            ({"status": "failed", "tag": "t", "reason": "x"}, {"#/status"}),
            *[({"tenant": "acme", "reason": value}, {"#/reason"}) for value in (*UNPRINTABLE, "x" * 256)],
            *[({"tenant": value, "reason": "x"}, {"#/tenant"}) for value in (*UNPRINTABLE, "x" * 256)],
            *[({"group": value, "reason": "x"}, {"#/group"}) for value in (*UNPRINTABLE, "x" * 65)],
            *[({"tag": value, "reason": "x"}, {"#/tag"}) for value in (*UNPRINTABLE, "x" * 65)],
        ],
    )
    def test_one_that_cannot_be_holds_nothing(self, operator: FlaskClient, body: Any, where: set[str]) -> None:
        assert pointers(operator.post("/api/holds", json=body)) == where
        assert operator.get("/api/holds").json == {"holds": []}
        assert told(operator) == []

    def test_there_is_an_end_to_their_number(self, operator: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(holds, "MOST", 2)
        for number in range(2):
            assert operator.post("/api/holds", json={"tag": str(number), "reason": "x"}).status_code == 201
        assert pointers(operator.post("/api/holds", json={"tag": "3", "reason": "x"})) == {"#"}
        assert len(operator.get("/api/holds").json["holds"]) == 2

    @pytest.mark.parametrize("hold_id", [VIDEO_ID, "nope", "%00"])
    def test_one_that_is_not_there(self, operator: FlaskClient, hold_id: str) -> None:
        problem(operator.delete(f"/api/holds/{hold_id}"), 404, "not_found")


MEDIA_ID = "660e8400-e29b-41d4-a716-446655440001"


def test_a_tenant_can_neither_read_nor_change_any_of_it(client: FlaskClient, operator: FlaskClient) -> None:
    hold = operator.post("/api/holds", json={"tag": "t", "reason": "x"}).json
    for method, path, body in [
        ("GET", "/api/tenants/acme", None),
        ("GET", "/api/tenants/rival", None),
        ("PUT", "/api/tenants/acme", {"weight": 1000}),
        ("PATCH", "/api/queues/VideoTranscoding", {"tenant_concurrency": 1}),
        ("GET", "/api/holds", None),
        ("POST", "/api/holds", {"tenant": "rival", "reason": "x"}),
        ("DELETE", f"/api/holds/{hold['id']}", None),
    ]:
        problem(client.open(path, method=method, json=body), 403, "forbidden")
    assert operator.get("/api/tenants/acme").json == UNSET
    assert operator.get("/api/holds").json == {"holds": [hold]}
