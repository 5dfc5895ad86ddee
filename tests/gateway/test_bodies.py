"""Request bodies: whatever bytes come, the answer is a problem that says what to do, never a failure of ours."""

import gzip
import io
import json

import pytest
from flask.testing import FlaskClient

from gateway.arguments import MAX_JSON_BYTES
from gateway.strict_json import MAX_DEPTH
from tests.gateway.conftest import NEW_TASK, VIDEO_ID
from tests.gateway.problem import pointers, problem

JSON = "application/json"
PAYLOAD = json.dumps(NEW_TASK["payload"])


def nested(depth: int) -> bytes:
    return b'{"a":' * depth + b"1" + b"}" * depth


#: Bytes that are no JSON text, or say what JSON cannot.
NO_JSON = [
    b"",
    b" ",
    b"{",
    b"nope",
    b"{'type': 1}",
    b'{"type": "VideoTranscoding",}',
    b'{"type": "VideoTranscoding"} {}',
    b'{"priority": NaN}',
    b'{"priority": Infinity}',
    b'{"priority": -Infinity}',
    b'{"delay_seconds": 1e999}',
    b'{"priority": ' + b"9" * 5000 + b"}",
    b'{"priority": 007}',
    b'{"type": "a", "type": "b"}',
    b'{"payload": {"x": 1, "x": 1}}',
    b'{"type": "\\ud800"}',
    b'{"\\udfff": 1}',
    b'{"type": "a\x00b"}',
    b'{"type": "\xff"}',
    b"\xef\xbb\xbf{}",
    json.dumps(NEW_TASK).encode("utf-16"),
    gzip.compress(json.dumps(NEW_TASK).encode()),
    b"[" * 50_000,
    nested(MAX_DEPTH + 1),
    nested(5_000),
]


@pytest.mark.parametrize("body", NO_JSON)
def test_what_is_no_json(client: FlaskClient, body: bytes) -> None:
    problem(client.post("/api/tasks", data=body, content_type=JSON), 400, "invalid_json")
    assert client.get("/api/tasks").json["total"] == 0


@pytest.mark.parametrize("body", [b"null", b"true", b"5", b'"text"', b"[]", b"[{}]"])
def test_json_that_is_no_object(client: FlaskClient, body: bytes) -> None:
    assert pointers(client.post("/api/tasks", data=body, content_type=JSON)) == {"#"}


def test_nesting_up_to_the_limit_is_read(client: FlaskClient) -> None:
    body = b'{"type": "VideoTranscoding", "payload": ' + nested(MAX_DEPTH - 2) + b"}"
    assert "#/payload/a" in pointers(client.post("/api/tasks", data=body, content_type=JSON))


@pytest.mark.parametrize(
    "content_type",
    [None, "", "text/plain", "text/json", "application/x-www-form-urlencoded", "multipart/form-data",
     "application/json; charset=utf-16", "application/jsonp", "application/problem+json", "application/json\x00"],
)  # fmt: skip
def test_another_media_type(client: FlaskClient, content_type: str | None) -> None:
    response = client.post("/api/tasks", data=json.dumps(NEW_TASK), content_type=content_type)
    problem(response, 415, "unsupported_media_type")


@pytest.mark.parametrize("content_type", ["application/json; charset=UTF-8", "Application/JSON"])
def test_other_ways_to_say_json(client: FlaskClient, content_type: str) -> None:
    assert client.post("/api/tasks", data=json.dumps(NEW_TASK), content_type=content_type).status_code == 201


def test_a_compressed_body_is_refused_unread(client: FlaskClient) -> None:
    bomb = gzip.compress(b" " * 10_000_000)
    response = client.post("/api/tasks", data=bomb, content_type=JSON, headers={"Content-Encoding": "gzip"})
    problem(response, 415, "unsupported_media_type")


def test_a_body_that_is_too_large(client: FlaskClient) -> None:
    body = b'{"type": "' + b"x" * MAX_JSON_BYTES + b'"}'
    problem(client.post("/api/tasks", data=body, content_type=JSON), 413, "too_large")


def test_a_client_that_goes_away_in_mid_body_is_no_failure_of_ours(client: FlaskClient) -> None:
    class Reset(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            raise ConnectionResetError

        readinto = read  # type: ignore[assignment]

    environ = {"wsgi.input": Reset(), "wsgi.input_terminated": True, "CONTENT_LENGTH": "10"}
    problem(client.post("/api/tasks", content_type=JSON, environ_overrides=environ), 400, "bad_request")


def test_a_stream_without_end_is_cut_off(client: FlaskClient) -> None:
    class Endless(io.RawIOBase):
        read_bytes = 0

        def readable(self) -> bool:
            return True

        def readinto(self, buffer: bytearray) -> int:  # type: ignore[override]
            self.read_bytes += len(buffer)
            return len(buffer)

    stream = Endless()
    environ = {"wsgi.input": stream, "wsgi.input_terminated": True}
    problem(client.post("/api/tasks", content_type=JSON, environ_overrides=environ), 413, "too_large")
    assert stream.read_bytes < 4 * MAX_JSON_BYTES


def test_numbers_keep_their_digits(client: FlaskClient) -> None:
    body = (
        '{"type": "EmbeddingGeneration", "payload": {"entity_type": "image", "entity_id": "%s"}, "delay_seconds": 1E1}'
    )
    task = client.post("/api/tasks", data=body % VIDEO_ID, content_type=JSON).json
    assert task["status"] == "scheduled"
