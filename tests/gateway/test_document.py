"""The API document says what is checked and sent, in terms that other programs understand as it means them."""

import copy
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from jsonschema import Draft202012Validator

from broker.plugin import Plugin
from handlers.plugins.assembly_ai import AssemblyAI
from handlers.plugins.http_request import HttpRequest
from handlers.plugins.thumbnail import Thumbnail
from handlers.plugins.waveform import Waveform
from tests.gateway import contract
from tests.gateway.conftest import NEW_TASK, ClientOf
from tests.gateway.media import MP4, upload
from tests.gateway.problem import pointers, problem

#: Each keyword says something of values of one type, and nothing of all others.
KEYWORDS = {
    "string": {"minLength", "maxLength", "pattern", "format"},
    "array": {"minItems", "maxItems", "uniqueItems", "items"},
    "object": {"minProperties", "maxProperties", "properties", "additionalProperties", "required"},
    "number": {"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"},
}
VERBS = [
    "continue",
    "cancel",
    "continue",
    "change",
    "check",
    "create",
    "delete",
    "download",
    "drain",
    "execute",
    "get",
    "ignore",
    "list",
    "quote",
    "receive",
    "reopen",
    "replace",
    "reprocess",
    "resend",
    "resolve",
    "retry",
    "rotate",
    "search",
    "simulate",
    "test",
    "upload",
    "watch",
]


@pytest.fixture
def document(app: Flask) -> dict[str, Any]:
    return copy.deepcopy(dict(contract.document(app)))


def schemas(document: Mapping[str, Any], plugins: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each schema of the document and of the plugins' settings, however deep, with the place where it stands."""
    for name, each in [*document["components"]["schemas"].items(), *plugins.items()]:
        yield from within(name, each)
    for path, item in document["paths"].items():
        for parameter in [each for method in item.values() for each in parameters(method)]:
            yield from within(f"{path} {parameter['name']}", parameter["schema"])


def parameters(method: Any) -> list[dict[str, Any]]:
    return method if isinstance(method, list) else method.get("parameters", [])


def within(place: str, schema: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    yield place, schema
    inner = [("items", schema.get("items")), ("values", schema.get("additionalProperties"))]
    inner += [*schema.get("properties", {}).items(), *enumerate(schema.get("anyOf", []))]
    for name, each in inner:
        if isinstance(each, dict):
            yield from within(f"{place}.{name}", each)


@pytest.fixture
def everywhere(app: Flask, document: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    [api] = app.extensions["flask-smorest"]["apis"].values()
    describe = api["ext_obj"].ma_plugin.converter.schema2jsonschema
    made: list[Plugin] = [AssemblyAI(), HttpRequest(), Thumbnail(), Waveform()]
    return list(schemas(document, {each.name: describe(each.tenant_schema()) for each in made}))


def test_every_keyword_stands_beside_the_type_that_it_is_about(everywhere: list[tuple[str, dict[str, Any]]]) -> None:
    for place, schema in everywhere:
        named = schema.get("type", [])
        types = {"number" if each == "integer" else each for each in ([named] if isinstance(named, str) else named)}
        for type_, keywords in KEYWORDS.items():
            assert type_ in types or not keywords & schema.keys(), (place, schema)
        assert types or schema.keys() & {"$ref", "anyOf"} or not schema, (place, schema)


def test_what_the_document_names_as_values_is_valid(
    document: dict[str, Any], everywhere: list[tuple[str, dict[str, Any]]]
) -> None:
    for place, schema in everywhere:
        examples = [schema[name] for name in ("example", "default") if name in schema]
        valid = Draft202012Validator({**schema, "components": document["components"]}).is_valid
        for value in [*schema.get("enum", []), *examples]:
            assert valid(value), (place, value, schema)


def test_patterns_mean_the_same_in_other_languages(everywhere: list[tuple[str, dict[str, Any]]]) -> None:
    """ECMA 262 knows neither Python's ends of a text nor its named groups, and searches instead of matching."""
    for place, schema in everywhere:
        pattern = schema.get("pattern", "^")
        assert not re.search(r"\\[AZ]|\(\?[Pais#(]|\$$", pattern), (place, pattern)
        assert pattern.startswith("^"), (place, pattern)


def test_operations_are_called_by_what_they_do(document: dict[str, Any]) -> None:
    items = [*document["paths"].values(), *document["webhooks"].values()]
    names = [each["operationId"] for item in items for method, each in item.items() if method != "parameters"]
    assert len(set(names)) == len(names)
    for name in names:
        verb, *things = name.split("_")
        assert verb in VERBS, f"{name}: begin with a verb, one of those that are in use if it fits"
        assert things, f"{name}: say what it is done to"


def test_a_name_that_was_told_stays(document: dict[str, Any]) -> None:
    """Generated clients call operations by these names. A new one is added to the list when it is released."""
    items = document["paths"].values()
    names = {each["operationId"] for item in items for method, each in item.items() if method != "parameters"}
    told = (Path(__file__).parent / "operation_ids.txt").read_text().split()
    assert set(told) - names == set()


def test_a_change_of_nothing_is_none(client: FlaskClient, operator: FlaskClient, document: dict[str, Any]) -> None:
    webhook = client.post("/api/webhooks", json={"url": "https://example.org", "events": ["task.failed"]}).json
    for asked, path in ((operator, "/api/queues/VideoTranscoding"), (client, f"/api/webhooks/{webhook['id']}")):
        assert pointers(asked.patch(path, json={})) == {"#"}
    patches = [item["patch"]["requestBody"]["content"] for item in document["paths"].values() if "patch" in item]
    patches = [content for content in patches if "application/json" in content]  # others add to what there is
    for content in patches:
        name = content["application/json"]["schema"]["$ref"].rpartition("/")[2]
        assert document["components"]["schemas"][name]["minProperties"] == 1
    assert len(patches) == 3


@pytest.fixture
def operator(client_of: ClientOf) -> FlaskClient:
    return client_of("ops")


@pytest.mark.parametrize("digits", ["2.0", "2.00", "20e-1", "0.2e1", "2"])
def test_a_whole_number_may_be_written_as_json_writes_any(
    client: FlaskClient, operator: FlaskClient, digits: str
) -> None:
    webhook = client.post("/api/webhooks", json={"url": "https://example.org", "events": ["task.failed"]}).json
    task = '{"type": "VideoTranscoding", "payload": {"video_id": "%s"}, %s}'
    members = ", ".join(f'"{name}": {digits}' for name in ("priority", "max_retries", "timeout_seconds"))
    task %= NEW_TASK["payload"]["video_id"], members
    for asked, method, path, body in (
        (client, "POST", "/api/tasks", task),
        (client, "POST", "/api/tasks/batch", f'{{"tasks": [{task}]}}'),
        (operator, "PATCH", "/api/queues/VideoTranscoding", f'{{"burst": {digits}, "concurrency": {digits}}}'),
        (client, "POST", f"/api/webhooks/{webhook['id']}/secret/rotate", f'{{"overlap_seconds": {digits}}}'),
    ):
        for text, ok in ((body, True), (body.replace(digits, "2.5"), False)):
            response = asked.open(path, method=method, data=text, content_type="application/json")
            assert (response.status_code < 300) == ok, (text, response.text)
            if not ok:
                assert all(each["detail"] == "Not a valid integer." for each in response.json["errors"])
    assert client.get("/api/tasks").json["tasks"][0]["priority"] == 2
    assert '"priority":2,' in client.get("/api/tasks").text
    queues = {each["type"]: each for each in operator.get("/api/queues").json["queues"]}
    assert repr(queues["VideoTranscoding"]["burst"]) == repr(queues["VideoTranscoding"]["concurrency"]) == "2"


def test_a_whole_number_in_a_query(client: FlaskClient) -> None:
    assert client.get("/api/tasks?limit=2.0&offset=0.0").json["limit"] == 2
    for wrong in ("2.5", "2.", ".0", "2.0.0", "2.0x"):
        assert pointers(client.get("/api/tasks", query_string={"limit": wrong})) == {"limit"}


def test_a_whole_number_among_a_plugins_settings() -> None:
    assert Waveform.config_schema().load({"points": 500.0}) == {"points": 500}
    assert Waveform.config_schema().validate({"points": 500.5}) == {"points": ["Not a valid integer."]}
    assert Thumbnail.config_schema().validate({"sizes": [320.5]}) == {"sizes": {0: ["Not a valid integer."]}}
    assert Thumbnail.config_schema().load({"sizes": "320, 640"})["sizes"] == [320, 640]


def test_what_is_too_large_says_how_large_it_may_be_as_described(client: FlaskClient, document: dict[str, Any]) -> None:
    allowed = set(document["components"]["schemas"]["Problem"]["properties"])
    for response in (
        client.post("/api/tasks", data=b" " * 2_000_000, content_type="application/json"),
        upload(client, "/api/videos", MP4 + bytes(150_000)),
        upload(client, "/api/videos", MP4 + bytes(500_000)),
    ):
        assert problem(response, 413, "too_large")["max_bytes"] > 0
        assert set(response.json) <= allowed


def test_nothing_has_no_type(client: FlaskClient) -> None:
    webhook = client.post("/api/webhooks", json={"url": "https://example.org", "events": ["task.failed"]}).json
    for path in (f"/api/webhooks/{webhook['id']}", "/api/plugins/checksum/config"):
        response = client.delete(path)
        assert (response.status_code, response.data) == (204, b"")
        assert not {"Content-Type", "Content-Length"} & set(response.headers.keys())
