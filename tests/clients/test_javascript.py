"""The JavaScript client against a real gateway, in node; tests/page has it in a browser."""

import base64
import json
import shutil
import subprocess
from pathlib import Path

import pytest

from scripts.testing.kit import Kit
from tests.breaking import Breaking
from tests.clients.conftest import VIDEO_ID
from tests.gateway.clients.test_typescript import installed, run
from tests.gateway.media import MP4, PNG

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "clients" / "javascript"
MIB = 1024 * 1024
PROGRAMS = Path(__file__).parent / "programs"


@pytest.fixture
def node() -> str:
    found = shutil.which("node")
    if not found:
        pytest.skip("node is not installed: the JavaScript client was not tested")
    return found


@pytest.mark.usefixtures("searcher")
def test_it_does_what_its_reader_would_do(node: str, system: Kit, broken: Breaking) -> None:
    secret = system.webhooks.listen("task.completed")
    command = [node, str(PROGRAMS / "calls.mjs"), str(PACKAGE / "mindia.js")]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as program:
        assert program.stdin
        assert program.stdout
        assert program.stderr
        said = ""
        for line in program.stdout:
            said = line.strip()
            if said == "done":
                break
            program.stdin.write(answer(said, system, broken, secret) + "\n")
            program.stdin.flush()
        assert said == "done", program.stderr.read()
    system.assert_submitted("VideoTranscoding", {"video_id": VIDEO_ID}, group="user 7", times=1)


def answer(asked: str, system: Kit, broken: Breaking, secret: str) -> str:
    """What the program is told that has said this word."""
    if asked == "drain":
        system.drain()
        return "drained"
    if asked == "break":
        broken.cuts = [6 * MIB, 9 * MIB]
        return broken.url
    if asked == "broken":
        return str(broken.broken)
    if asked == "webhook":
        last = system.webhooks.received[-1]
        return json.dumps({"body": last.body.decode(), "headers": last.headers, "secret": secret})
    return base64.b64encode({"mp4": MP4, "png": PNG}[asked]).decode()


def test_its_types_are_right_and_refuse_what_is_wrong(node: str, tmp_path: Path) -> None:
    tools = installed() / "node_modules"
    modules = tmp_path / "node_modules"
    modules.mkdir()
    (modules / "mindia-tasks-client").symlink_to(PACKAGE)
    shutil.copy(PROGRAMS / "typed.ts", tmp_path / "typed.mts")
    options = "--noEmit --target es2022 --module nodenext --strict --lib es2022,dom,dom.iterable,dom.asynciterable"
    run(node, str(tools / "typescript" / "bin" / "tsc"), *options.split(), "typed.mts", cwd=tmp_path)
