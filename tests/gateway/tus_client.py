"""What a client of the protocol sends, request by request."""

import base64
from typing import Any

from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.gateway.media import MP4

TUS = {"Tus-Resumable": "1.0.0"}
BYTES = "application/offset+octet-stream"


def encoded(**pairs: str) -> str:
    """``Upload-Metadata``."""
    return ",".join(f"{name} {base64.b64encode(text.encode()).decode()}" for name, text in pairs.items())


def create(
    client: FlaskClient, size: int | None = len(MP4), body: bytes | None = None, **metadata: str
) -> TestResponse:
    """A video, of a length that is told later if that is ``None``, unless the metadata says otherwise."""
    told = encoded(**{"kind": "video", "filename": "holiday.mp4", **metadata})
    length = {"Upload-Defer-Length": "1"} if size is None else {"Upload-Length": str(size)}
    headers = TUS | length | {"Upload-Metadata": told}
    if body is None:
        return client.post("/api/uploads", headers=headers)
    return client.post("/api/uploads", headers=headers, data=body, content_type=BYTES)


def begun(client: FlaskClient, size: int | None = len(MP4), **metadata: str) -> str:
    """Where a new upload goes on."""
    response = create(client, size, **metadata)
    assert response.status_code == 201, response.text
    return response.headers["Location"]


def patch(client: FlaskClient, place: str, offset: int, data: bytes, **headers: Any) -> TestResponse:
    """``headers`` with underscores for dashes."""
    more = {name.replace("_", "-"): value for name, value in headers.items()}
    return client.patch(place, data=data, content_type=BYTES, headers=TUS | {"Upload-Offset": str(offset)} | more)


def offset_of(client: FlaskClient, place: str) -> int:
    response = client.head(place, headers=TUS)
    assert response.status_code == 200
    return int(response.headers["Upload-Offset"])
