"""What strangers and neighbours try, on every route that there is: bodies, ids, filters, and other tenants' things."""

import gc
import time
from base64 import urlsafe_b64encode
from collections.abc import Callable, Iterator
from io import BytesIO
from typing import Any
from urllib.parse import quote

import pytest
from flask import Flask
from flask.testing import FlaskClient

from broker.broker import Broker
from tests.gateway.conftest import NEW_TASK, ClientOf
from tests.gateway.contract import document, template
from tests.gateway.media import MP4, PNG, upload
from tests.gateway.problem import problem
from tests.gateway.routes import routes
from tests.gateway.test_bodies import NO_JSON
from tests.gateway.test_logs import say
from tests.gateway.work import fail

#: Seconds of this thread that the answer to one bad request may take: 50 ms, on a machine five times as slow.
QUICK = 0.25

#: What is no id, and would lead elsewhere, match more or break a line where it was taken as it is.
NO_IDS = [
    *("../../etc/passwd", "..%2f..%2fetc", "%2e%2e", ".", "a:b", "a:b:dependents", "{}", "{tasks}", "*", "?*", "[a-z]"),
    *("\u0661\u0662\u0663", "\u202e", "a\nb", "a\r\nX-Injected: 1", "\x00", "x" * 10_000, "-", "00000000", " "),
    "550e8400-e29b-41d4-a716-446655440000:waiting",
    "550e8400e29b41d4a716446655440000",
    "\uff15\uff15\uff10e8400-e29b-41d4-a716-446655440000",
]
#: What is tried as the value of every query parameter.
VALUES = [
    *("-1", "0", "1000000001", "1e9", "1" * 400, "NaN", "0x10", "\u0661", "0001-01-01", "9999-12-31T23:59:59.999999Z"),
    "9999-12-31T23:59:59-23:59",  # in the year 10000 of UTC
    *("a" * 50_000, "(a+)+$", "a," * 20_000, "\x00", "a\r\nX-Injected: 1", "%", "*", "{}", "\u202e", "' OR 1=1 --"),
    *("true", "null", "undefined", "__proto__", "../..", "\ud7ff", "-" * 5_000, "9" * 30 + "-" + "9" * 30),
    # For what is read as JSON in base64.
    *(urlsafe_b64encode(text.encode()).decode() for text in ("[" * 5_000, f"[{10**400},0,0,0]", "[NaN,1e999,0,0]")),
]


@pytest.fixture
def operator(client_of: ClientOf) -> FlaskClient:
    return client_of("ops")


@pytest.fixture
def unchanged(broker: Broker) -> Iterator[None]:
    """Nothing is written, and no key appears, of whatever name."""
    before = everything(broker)
    yield
    assert everything(broker) == before


def everything(broker: Broker) -> dict[str, bytes | None]:
    """Each key with what it holds; for how long events are recorded, and keys' last use, are no matter."""
    aside = {broker.keys.listeners()}
    return {key: broker.redis.dump(key) for key in broker.redis.scan_iter(count=1000) if key not in aside}


def quick(ask: Callable[[], Any], what: object) -> Any:
    """An answer in time, and no failure."""
    gc.disable()  # what earlier tests have left is not collected on this answer's account
    try:
        began = time.thread_time()
        answer = ask()
        took = time.thread_time() - began
    finally:
        gc.enable()
    assert took < QUICK, (what, took)
    assert answer.status_code < 500 or answer.status_code == 503, (what, answer.text)
    if answer.status_code >= 400:
        problem(answer, answer.status_code, answer.json["code"])
    assert "X-Injected" not in answer.headers
    return answer


@pytest.mark.usefixtures("unchanged")
def test_bodies_that_are_no_json_on_every_route_that_takes_some(app: Flask, operator: FlaskClient) -> None:
    document_ = document(app)["paths"]
    tried = 0
    for each in routes(app):
        content = (
            document_.get(each.template, {}).get(each.method.lower(), {}).get("requestBody", {}).get("content", {})
        )
        if "application/json" not in content:
            continue
        tried += 1
        for body in NO_JSON:
            ask = lambda each=each, body=body: operator.open(  # noqa: E731
                each.path, method=each.method, data=body, content_type="application/json"
            )
            answer = quick(ask, (each, body[:60]))
            # No body at all is an empty object where that is one that can be meant.
            assert answer.status_code in ((400,) if body.strip() else (200, 400, 404, 422)), (
                each,
                body[:60],
                answer.text,
            )
    assert tried >= 12


@pytest.mark.usefixtures("unchanged")
def test_ids_that_are_none_in_every_path(app: Flask, operator: FlaskClient) -> None:
    tried = 0
    for rule in app.url_map.iter_rules():
        if not rule.arguments or rule.endpoint.startswith("page."):
            continue
        path = template(rule)
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}:
            for text in NO_IDS:
                if method == "PUT" and path.startswith("/api/tenants/"):
                    continue  # whatever can be printed may become a tenant
                target = path
                for name in rule.arguments:
                    target = target.replace("{" + name + "}", quote(text, safe=""))
                answer = quick(lambda m=method, t=target: operator.open(t, method=m, json={}), (method, target[:90]))
                known = path == "/api/tenants/{name}" and answer.status_code == 200  # that nobody has set anything for
                assert answer.status_code in (400, 403, 404, 405, 414, 422) or known, (method, target[:90], answer.text)
                tried += 1
    assert tried > 500


@pytest.mark.usefixtures("unchanged")
def test_values_that_are_none_for_every_query_parameter(app: Flask, operator: FlaskClient) -> None:
    paths, tried = document(app)["paths"], 0
    for each in routes(app):
        parameters = paths.get(each.template, {}).get(each.method.lower(), {}).get("parameters", ())
        for name in [parameter["name"] for parameter in parameters if parameter["in"] == "query"]:
            if each.method != "GET" or name == "wait":
                continue
            for value in VALUES:
                quick(
                    lambda e=each, n=name, v=value: operator.get(e.path, query_string={n: v}), (each, name, value[:40])
                )
                tried += 1
    assert tried > 500


def caption_file() -> dict[str, Any]:
    """Of a request, which a stream can be read of only once."""
    text = BytesIO(b"WEBVTT\n\n00:00.000 --> 00:01.000\nHi\n")
    return {"data": {"file": (text, "hi.vtt"), "language": "en"}, "content_type": "multipart/form-data"}


def test_nobody_reaches_what_is_anothers(app: Flask, client_of: ClientOf, broker: Broker) -> None:
    """On each route with the ids of another tenant's things: there is nothing there, and nothing is changed."""
    owner, rival = client_of("acme"), client_of("rival")
    task = owner.post("/api/tasks", json=NEW_TASK | {"flow": "mine", "unique_key": "k", "tags": ["t"]}).json
    say(broker, task["id"], "a secret of acme's")
    video, image = upload(owner, "/api/videos", MP4).json, upload(owner, "/api/images", PNG).json
    hook = owner.post("/api/webhooks", json={"url": "https://example.org/", "events": ["task.failed"]}).json
    event = owner.post(f"/api/webhooks/{hook['id']}/test", json={}).json
    key = client_of("ops").post("/api/keys", json={"name": "n", "scopes": ["read"], "tenant": "acme"}).json
    operation = owner.post("/api/operations", json={"action": "retry", "filter": {"tag": "t"}, "dry_run": True}).json
    fail(broker)
    (failure,) = owner.get("/api/failures").json["failures"]
    caption = owner.post(f"/api/videos/{video['id']}/captions", **caption_file()).json
    ids = {
        **{"task_id": task["id"], "video_id": video["id"], "image_id": image["id"], "media_id": video["id"]},
        **{"webhook_id": hook["id"], "flow_id": "mine", "key_id": key["id"], "event_id": event["event_id"]},
        **{"operation_id": operation["id"], "failure_id": failure["id"], "caption_id": caption["id"]},
    }
    bodies = {
        ("PATCH", "/api/webhooks/{webhook_id}"): {"json": {"enabled": False}},
        ("PATCH", "/api/tasks/{task_id}"): {"json": {"priority": 9}},
        ("POST", "/api/videos/{video_id}/captions"): caption_file(),
    }
    before, tried = everything(broker), set()
    for rule in app.url_map.iter_rules():
        if not rule.arguments or not rule.arguments <= ids.keys():
            continue
        path = template(rule)
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}:
            target = path
            for name in rule.arguments:
                target = target.replace("{" + name + "}", ids[name])
            body = {} if method == "GET" else bodies.get((method, path), {"json": {}})
            answer = rival.open(target, method=method, **body)
            assert answer.status_code == 404 or (path.startswith("/api/keys/") and answer.status_code == 403), (
                method,
                path,
                answer.text,
            )
            assert "secret of acme" not in answer.text
            tried.add((method, path))
    assert len(tried) >= 20, sorted(tried)
    assert everything(broker) == before
    for path in ("/api/tasks", "/api/videos", "/api/images", "/api/webhooks", "/api/tasks/stats"):
        text = rival.get(path).text
        assert not [each for each in ids.values() if each in text], path
        assert rival.get(path).json.get("total", 0) == 0
    for query in ({"flow": "mine"}, {"type": "VideoTranscoding"}):
        assert rival.get("/api/tasks", query_string=query).json["total"] == 0
    again = rival.post("/api/tasks", json=NEW_TASK | {"unique_key": "k"})
    assert (again.status_code, again.json["id"] == task["id"]) == (201, False)


def test_an_idempotency_key_is_its_tenants_own(client_of: ClientOf) -> None:
    headers = {"Idempotency-Key": "the-same"}
    first, second = (client_of(name).post("/api/tasks", json=NEW_TASK, headers=headers) for name in ("acme", "rival"))
    assert (first.status_code, second.status_code) == (201, 201)
    assert first.json["id"] != second.json["id"]
