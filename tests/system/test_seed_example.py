"""The guide's example client works, to the letter: upload, find, wait, and the rule of when to retry."""

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from imageio_ffmpeg import get_ffmpeg_exe

from tests.system.real_stack import RealStack

CLIENT = Path(__file__).with_name("seed_example.mjs")
NODE = shutil.which("node")
pytestmark = pytest.mark.skipif(NODE is None, reason="node is not installed")


def run_client(stack: RealStack, clip: Path) -> Any:
    """What the client reports about its one video."""
    environ = {**os.environ, "BASE_URL": stack.url, "API_KEY": stack.key, "CLIP": str(clip)}
    assert NODE
    done = subprocess.run([NODE, str(CLIENT)], env=environ, capture_output=True, timeout=90, check=False)
    assert done.returncode == 0, done.stderr.decode()
    return json.loads(done.stdout)


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    """Two seconds of test picture and tone."""
    path = tmp_path / "clip.mp4"
    inputs = ["-f", "lavfi", "-i", "testsrc2=size=640x360:rate=25:duration=2", "-f", "lavfi", "-i", "sine=duration=2"]
    command = [get_ffmpeg_exe(), "-v", "error", *inputs, "-pix_fmt", "yuv420p", "-shortest", str(path)]
    subprocess.run(command, check=True, timeout=60)
    return path


def test_uploads_finds_and_waits(real_stack: RealStack, clip: Path) -> None:
    report = run_client(real_stack, clip)
    assert report == {"videoId": report["videoId"], "found": True, "status": "completed"}
    assert real_stack.get(f"/api/videos/{report['videoId']}")["status"] == "completed"


def test_a_cut_off_video_fails_at_once_and_may_be_retried(real_stack: RealStack, clip: Path, tmp_path: Path) -> None:
    cut = tmp_path / "cut.mp4"
    cut.write_bytes(clip.read_bytes()[: clip.stat().st_size // 3])
    report = run_client(real_stack, cut)
    assert report["error"].startswith("Task failed: ")
    assert report["mayRetry"] is True, "no retry was spent on what no retry can cure"
    assert report["retried"]["status"] == "scheduled"
    assert report["retried"]["message"] == "Task scheduled for retry"
