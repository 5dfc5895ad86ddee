"""GET /api/tasks by cursor and by what no index knows; PATCH of a task; failures; operations: as a client sees them."""

from io import BytesIO
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from flask.testing import FlaskClient
from werkzeug.http import parse_options_header
from werkzeug.test import TestResponse

from broker.broker import Broker
from tests.gateway.conftest import NEW_TASK, VIDEO_ID, ClientOf
from tests.gateway.media import PNG
from tests.gateway.problem import pointers, problem
from tests.gateway.work import complete, fail, start

EMBED = {"type": "EmbeddingGeneration", "payload": {"entity_type": "image", "entity_id": VIDEO_ID}}


def submit(client: FlaskClient, **more: Any) -> str:
    return str(client.post("/api/tasks", json=NEW_TASK | more).json["id"])


def page(client: FlaskClient, address: str = "/api/tasks", **query: Any) -> dict[str, Any]:
    answer = client.get(address, query_string=query or None)
    assert answer.status_code == 200, answer.text
    return dict(answer.json) | {"links": links(answer.headers.get("Link", ""))}


def links(header: str) -> dict[str, str]:
    found = {}
    for each in header.split(", <") if header else []:
        address, _, rest = each.lstrip("<").partition(">")
        found[parse_options_header("x" + rest)[1]["rel"]] = address
    return found


def ids(found: dict[str, Any]) -> list[str]:
    return [task["id"] for task in found["tasks"]]


@pytest.fixture
def seven(client: FlaskClient) -> list[str]:
    """Ids of seven tasks, the newest first."""
    return [submit(client) for _ in range(7)][::-1]


class TestPages:
    def test_links_lead_through_all_pages_and_back(self, client: FlaskClient, seven: list[str]) -> None:
        found = page(client, limit=3)
        assert (ids(found), found["total"]) == (seven[:3], 7)
        submit(client)  # moves nothing
        second = page(client, found["links"]["next"])
        third = page(client, second["links"]["next"])
        assert ids(second) + ids(third) == seven[3:]
        assert "next" not in third["links"]
        assert third["next_cursor"] is None
        back = page(client, third["links"]["prev"])
        assert ids(back) == ids(second)
        assert ids(page(client, page(client, back["links"]["prev"])["links"]["next"])) == ids(second)
        assert ids(page(client, third["links"]["first"]))[1:] == seven[:2]

    def test_by_offset_as_ever(self, client: FlaskClient, seven: list[str]) -> None:
        found = page(client, limit=3, offset=3)
        assert found.keys() == {"tasks", "total", "limit", "offset", "links"}
        assert ids(found) == seven[3:6]
        assert {name: parse_qs(urlsplit(each).query)["offset"] for name, each in found["links"].items()} == {
            "first": ["0"],
            "next": ["6"],
            "prev": ["0"],
        }
        assert "next" not in page(client, limit=3, offset=6)["links"]

    def test_oldest_first_and_by_the_end(self, client: FlaskClient, broker: Broker, seven: list[str]) -> None:
        assert ids(page(client, order="created_at", limit=100)) == seven[::-1]
        complete(broker)
        fail(broker)
        ended = page(client, order="-completed_at")
        assert ids(ended) == [seven[-2], seven[-1]]
        assert ended["total"] is None
        first = page(client, order="completed_at", limit=1)
        assert ids(first) + ids(page(client, first["links"]["next"])) == [seven[-1], seven[-2]]

    def test_an_empty_cursor_begins(self, client: FlaskClient, seven: list[str]) -> None:
        found = page(client, cursor="", limit=7)
        assert (ids(found), found["next_cursor"], found["incomplete"]) == (seven, None, False)

    def test_a_filter_stays_with_the_links(self, client: FlaskClient, seven: list[str]) -> None:
        client.post(f"/api/tasks/{seven[0]}/cancel")
        found = page(client, status="pending", limit=4)
        assert ids(found) + ids(page(client, found["links"]["next"])) == seven[1:]

    @pytest.mark.parametrize(
        ("query", "wrong"),
        [
            ({"cursor": "nonsense"}, "cursor"),
            ({"order": "id"}, "order"),
            ({"order": "created_at", "offset": 3}, "offset"),
            ({"tag": "x", "offset": 3}, "offset"),
            ({"status": "done"}, "status"),
            ({"status": "failed,done"}, "status"),
            ({"status": ""}, "status"),
            ({"type": "Nothing,VideoTranscoding"}, "type"),
            ({"ids": "1"}, "ids"),
            ({"ids": ",".join([VIDEO_ID[:-3] + f"{n:03}" for n in range(101)])}, "ids"),
            ({"media_id": "x"}, "media_id"),
            ({"failure_id": "x"}, "failure_id"),
            ({"tag": "x" * 65}, "tag"),
            ({"error": ""}, "error"),
        ],
    )
    def test_what_cannot_be_asked(self, client: FlaskClient, query: dict[str, Any], wrong: str) -> None:
        assert pointers(client.get("/api/tasks", query_string=query)) == {wrong}

    def test_a_cursor_of_another_order(self, client: FlaskClient, seven: list[str]) -> None:
        cursor = page(client, order="created_at", limit=1)["next_cursor"]
        assert pointers(client.get(f"/api/tasks?cursor={cursor}&order=-created_at")) == {"cursor"}


class TestFilters:
    def test_several_statuses_and_types_with_commas_or_repeated(self, client: FlaskClient, broker: Broker) -> None:
        done = submit(client)
        complete(broker)
        waiting = submit(client)
        embed = client.post("/api/tasks", json=EMBED | {"delay_seconds": 60}).json["id"]
        assert ids(page(client, status="completed,pending")) == [waiting, done]
        assert ids(page(client, "/api/tasks?status=completed&status=scheduled")) == [embed, done]
        both = page(client, "/api/tasks?type=VideoTranscoding&type=EmbeddingGeneration")
        assert (len(both["tasks"]), both["total"]) == (3, 3)

    def test_each(self, client: FlaskClient, client_of: ClientOf, broker: Broker) -> None:
        failed = submit(client, max_retries=0)
        fail(broker, "No room for 7 files")
        red = submit(client, tags=["red", "a,b"], group="g")
        keyed = submit(client, unique_key="k")
        other = client.post("/api/tasks", json=EMBED).json["id"]
        submit(client_of("rival"), tags=["red"], group="g")
        assert ids(page(client, tag="red")) == ids(page(client, tag="a,b")) == ids(page(client, group="g")) == [red]
        assert ids(page(client, unique_key="k")) == [keyed]
        assert ids(page(client, error="no ROOM")) == [failed]
        assert ids(page(client, media_id=VIDEO_ID)) == [other, keyed, red, failed]
        assert ids(page(client, ids=f"{red},{keyed},{VIDEO_ID}")) == [keyed, red]
        assert ids(page(client, tag="red", status="failed")) == []
        assert page(client, tag="red")["total"] is None
        (group,) = client.get("/api/failures").json["failures"]
        assert ids(page(client, failure_id=group["id"])) == [failed]

    def test_tags_of_an_upload_are_those_of_its_tasks(self, client: FlaskClient) -> None:
        def upload(**parts: str) -> TestResponse:
            return client.post("/api/images", data={"file": (BytesIO(PNG), "a.png"), **parts})

        made = upload(tags='["holiday"]', then='["checksum"]')
        assert made.status_code == 201, made.text
        assert len(ids(page(client, tag="holiday"))) == 2
        for wrong in ('["' + "x" * 65 + '"]', "[]", "x", "[1]", '["\\u0000"]'):
            assert pointers(upload(tags=wrong)) == {"tags"}


class TestChange:
    def test_a_task_that_waits(self, client: FlaskClient) -> None:
        task_id = submit(client)
        answer = client.patch(f"/api/tasks/{task_id}", json={"priority": 7, "tags": ["x"], "delay_seconds": 60})
        assert answer.status_code == 200, answer.text
        changed = answer.json
        assert (changed["priority"], changed["tags"], changed["status"]) == (7, ["x"], "scheduled")
        assert changed == {**changed, **client.get(f"/api/tasks/{task_id}").json, "waiting": changed["waiting"]}
        now = client.patch(f"/api/tasks/{task_id}", json={"scheduled_at": "2020-01-01"}).json
        assert (now["status"], now["priority"]) == ("pending", 7)

    def test_into_the_background_and_out_of_it(self, client: FlaskClient) -> None:
        path = f"/api/tasks/{submit(client)}"

        def change(**body: Any) -> tuple[bool, int]:
            changed = client.patch(path, json=body).json
            return changed["background"], changed["priority"]

        assert change(priority=7) == (False, 7)
        assert change(background=False) == (False, 7)
        assert change(background=True) == (True, 0)
        assert change(background=False) == (False, 0)
        assert change(background=True, delay_seconds=60) == (True, 0)
        assert change(priority=3) == (False, 3)

    def test_only_while_it_waits_and_only_ones_own(
        self, client: FlaskClient, client_of: ClientOf, broker: Broker
    ) -> None:
        task_id = submit(client)
        path = f"/api/tasks/{task_id}"
        assert client_of("rival").patch(path, json={"priority": 1}).status_code == 404
        start(broker)
        told = problem(client.patch(path, json={"priority": 1}), 409, "not_waiting")
        assert told["current_status"] == "processing"
        assert client.get(path).json["priority"] == 0

    @pytest.mark.parametrize(
        ("body", "wrong"),
        [
            ({"priority": 11}, "#/priority"),
            ({"priority": "1"}, "#/priority"),
            ({"priority": 1, "background": True}, "#/priority"),
            ({"tags": ["x"] * 11}, "#/tags"),
            ({"tags": [""]}, "#/tags/0"),
            ({"scheduled_at": "2030-01-01", "delay_seconds": 1}, "#/delay_seconds"),
            ({"payload": {}}, "#/payload"),
        ],
    )
    def test_what_cannot_be(self, client: FlaskClient, body: dict[str, Any], wrong: str) -> None:
        path = f"/api/tasks/{submit(client)}"
        before = client.get(path).json["tags"]
        assert pointers(client.patch(path, json=body)) == {wrong}
        assert client.patch(path, json={}).status_code == 422
        assert client.get(path).json["tags"] == before


class TestFailures:
    def test_from_the_first_to_the_retry(self, client: FlaskClient, client_of: ClientOf, broker: Broker) -> None:
        failed = [submit(client, max_retries=0) for _ in range(3)]
        for number in range(3):
            fail(broker, f"No room for {number} files")
        (group,) = client.get("/api/failures").json["failures"]
        assert (group["cause"], group["count"], group["state"]) == ("No room for <n> files", 3, "open")
        assert set(group["task_ids"]) == set(failed)
        path = f"/api/failures/{group['id']}"
        assert client.get(path).json == group
        assert client_of("rival").get(path).status_code == 404
        assert client_of("rival").get("/api/failures").json["total"] == 0
        used_up = client.post(f"{path}/retry").json
        assert (used_up["matched"], used_up["skipped"], used_up["status"]) == (3, 3, "completed")
        retried = client.post(f"{path}/retry?force=true")
        assert retried.status_code == 201
        assert (retried.json["done"], retried.json["filter"]["failure_id"]) == (3, group["id"])
        assert client.get(retried.headers["Location"]).json == retried.json
        assert page(client, status="scheduled")["total"] == 3

    def test_what_is_said_of_it(self, client: FlaskClient, broker: Broker) -> None:
        submit(client, max_retries=0)
        fail(broker, "boom")
        path = f"/api/failures/{client.get('/api/failures').json['failures'][0]['id']}"
        assert client.post(f"{path}/resolve").json["state"] == "resolved"
        assert client.get("/api/failures").json["total"] == 0
        assert client.get("/api/failures?state=resolved,ignored").json["total"] == 1
        submit(client, max_retries=0)
        fail(broker, "boom")
        again = client.get(path).json
        assert (again["state"], again["regressions"]) == ("open", 1)
        assert again["regressed_at"] == again["last_at"]
        assert client.post(f"{path}/ignore").json["state"] == "ignored"
        assert client.post(f"{path}/reopen").json["state"] == "open"
        for verb in ("resolve", "ignore", "reopen", "retry"):
            assert client.post(f"/api/failures/{VIDEO_ID}/{verb}").status_code == 404


class TestOperations:
    def test_counted_first_then_done(self, client: FlaskClient, client_of: ClientOf) -> None:
        red = [submit(client, tags=["red"]) for _ in range(5)]
        submit(client)
        body = {"action": "cancel", "filter": {"tag": "red", "status": ["pending", "scheduled"]}}
        counted = client.post("/api/operations", json=body | {"dry_run": True}).json
        assert (counted["matched"], counted["dry_run"], counted["status"]) == (5, True, "completed")
        assert page(client, status="cancelled")["total"] == 0
        made = client.post("/api/operations", json=body)
        assert made.status_code == 201
        assert (made.json["done"], made.json["filter"]) == (5, body["filter"])
        assert set(ids(page(client, status="cancelled"))) == set(red)
        path = made.headers["Location"]
        assert client.get(path).json == made.json
        assert client.post(f"{path}/cancel").json == made.json
        listed = client.get("/api/operations").json
        assert [each["id"] for each in listed["operations"]] == [made.json["id"], counted["id"]]
        rival = client_of("rival")
        assert (rival.get(path).status_code, rival.post(f"{path}/cancel").status_code) == (404, 404)
        assert rival.get("/api/operations").json["total"] == 0

    def test_a_repeat_under_the_same_key_begins_no_other(self, client: FlaskClient) -> None:
        submit(client)
        body, headers = {"action": "cancel", "filter": {}}, {"Idempotency-Key": "one"}
        first = client.post("/api/operations", json=body, headers=headers).json
        submit(client)
        assert client.post("/api/operations", json=body, headers=headers).json == first
        assert page(client, status="pending")["total"] == 1

    @pytest.mark.parametrize(
        ("body", "wrong"),
        [
            ({"action": "explode", "filter": {}}, "#/action"),
            ({"action": "cancel"}, "#/filter"),
            ({"filter": {}}, "#/action"),
            ({"action": "cancel", "filter": {"status": "completed"}}, "#/filter/status"),
            ({"action": "retry", "filter": {"status": ["failed", "pending"]}}, "#/filter/status"),
            ({"action": "cancel", "filter": {"nonsense": 1}}, "#/filter/nonsense"),
            ({"action": "cancel", "filter": {"status": 7}}, "#/filter/status"),
            ({"action": "cancel", "filter": {"end_date": "9999-12-31T23:59:59-23:59"}}, "#/filter/end_date"),
            ({"action": "cancel", "filter": {}, "force": "yes"}, "#/force"),
        ],
    )
    def test_what_cannot_be(self, client: FlaskClient, body: dict[str, Any], wrong: str) -> None:
        assert pointers(client.post("/api/operations", json=body)) == {wrong}

    def test_it_is_in_the_audit_log(self, client: FlaskClient, client_of: ClientOf) -> None:
        client.post("/api/operations", json={"action": "cancel", "filter": {"tag": "x"}})
        entries = client_of("ops").get("/api/audit?action=operation.created").json["entries"]
        assert [(each["tenant"], each["after"]["filter"]) for each in entries] == [("acme", {"tag": "x"})]
