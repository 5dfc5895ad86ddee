"""tus-js-client, which Uppy stands on, against a real gateway."""

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.gateway.clients.test_typescript import run
from tests.gateway.conftest import environ, gateway
from tests.gateway.media import MP4
from tests.gateway.served import ACME_KEY, KEY, Server

__all__ = ["environ", "gateway"]
PROGRAM = Path(__file__).parent / "tus"
MIB = 1024 * 1024
SIZE = 30 * MIB + 11
#: A stream of which nobody knows how long it is.
DEFERRED = {"deferred": True, "chunkSize": 9 * MIB}


@pytest.fixture
def environ_of_large_files(environ: dict[str, str]) -> None:
    environ["MAX_UPLOAD_BYTES"] = str(1 << 40)


@pytest.fixture(scope="session")
def node() -> str:
    """With the client beside the program; skipped where npm cannot bring it."""
    npm, found = shutil.which("npm"), shutil.which("node")
    if not npm or not found:
        pytest.skip("node and npm are not installed: tus-js-client was not tried")
    try:
        run(npm, "install", "--no-audit", "--no-fund", "--no-package-lock", "--prefer-offline", cwd=PROGRAM)
    except (AssertionError, subprocess.TimeoutExpired) as error:
        pytest.skip(f"npm could not install tus-js-client: {str(error)[-300:]}")
    return found


@pytest.fixture
def file(tmp_path: Path) -> Path:
    made = tmp_path / "holiday.mp4"
    made.write_bytes(MP4 + bytes(SIZE - len(MP4)))
    return made


@pytest.mark.usefixtures("environ_of_large_files")
def test_it_uploads_whole_in_chunks_and_after_an_interruption(node: str, file: Path, gateway: Server) -> None:
    for options in ({}, {"chunkSize": 7 * MIB, "posts": True}, {"cutAt": 12 * MIB}, DEFERRED):
        asked: dict[str, Any] = {
            "endpoint": f"{gateway.url}/api/uploads",
            "key": ACME_KEY,
            "file": str(file),
            **options,
        }
        url = json.loads(run(node, "upload.mjs", cwd=PROGRAM, ASKED=json.dumps(asked)))["url"]
        shown = requests.get(url, headers=KEY, timeout=30).json()
        video = requests.get(f"{gateway.url}{shown['media_url']}", headers=KEY, timeout=30).json()
        assert (video["filename"], video["size"], video["content_type"]) == ("holiday.mp4", SIZE, "video/mp4")
        source = requests.get(f"{gateway.url}{video['source_url']}", timeout=30)
        assert source.content == file.read_bytes()
    tasks = requests.get(f"{gateway.url}/api/tasks?type=VideoTranscoding", headers=KEY, timeout=30).json()["tasks"]
    assert [each["tags"] for each in tasks] == [["holiday"]] * 4
