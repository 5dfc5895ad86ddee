"""Small files of each kind, as far as their first bytes tell, and how to upload them."""

import io
import json
import re
from typing import Any

from flask.testing import FlaskClient
from werkzeug.test import TestResponse

MP4 = b"\x00\x00\x00\x18ftypisom\x00\x00\x00\x00isommp42" + bytes(1000)
PNG = b"\x89PNG\r\n\x1a\n" + bytes(1000)
MP3 = b"ID3\x04\x00\x00\x00\x00\x00\x00" + bytes(1000)
VTT = b"WEBVTT\n\n00:01.000 --> 00:02.000\nHello\n"
TEXT = b"#EXTM3U\nfile:///etc/passwd\n"

_SIGNATURE = re.compile(r"[0-9a-f]{32}\.[0-9]+\.[\w-]+")


def upload(client: FlaskClient, path: str, content: bytes, filename: str = "file.bin", **headers: Any) -> TestResponse:
    """POST ``content`` as the form's file; ``headers`` with underscores for dashes."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return client.post(path, data={"file": (io.BytesIO(content), filename)}, headers=named)


def unsigned(media: dict[str, Any]) -> dict[str, Any]:
    """The same at whatever second it is shown: its links end a day later, and their signatures say when."""
    found: dict[str, Any] = json.loads(_SIGNATURE.sub("SIGNATURE", json.dumps(media)))
    return found
