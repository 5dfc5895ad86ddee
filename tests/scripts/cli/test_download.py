"""A video from the terminal, as a file."""

import io
import json
from pathlib import Path

import pytest

from broker.broker import Broker
from broker.media import paths
from tests.gateway.conftest import VIDEO_ID
from tests.gateway.media import MP4
from tests.gateway.work import complete
from tests.scripts.cli.conftest import Mindia

VARIANT = {"name": "9p", "width": 16, "height": 9, "bandwidth": 1, "codecs": "avc1", "playlist": "9p/index.m3u8"}


@pytest.fixture
def video(mindia: Mindia, broker: Broker, tmp_path: Path) -> str:
    clip = tmp_path / "a clip.mov"
    clip.write_bytes(MP4)
    video = str(json.loads(mindia("upload", clip, "--json").out)["id"])
    head = b'{"etag": "a", "parts": []}\n' + b"all of it"
    broker.storage.put(paths.hls("ops", video, "9p/download.head"), io.BytesIO(head))
    complete(broker, {}, video, variants=[VARIANT])
    return video


def test_a_video_is_saved_under_the_name_of_its_upload(
    mindia: Mindia, video: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    said = mindia("download", video)
    assert (said.status, said.out.split("  ")[:2]) == (0, [video, "a clip.mp4"])
    assert (folder / "a clip.mp4").read_bytes() == b"all of it"
    again = mindia("download", video)
    assert again.status == 1
    assert "is there already" in again.err
    assert mindia("download", video, "-o", "other.mp4", "--variant", "9p", "-q").out.strip() == "other.mp4"
    assert sorted(each.name for each in folder.iterdir()) == ["a clip.mp4", "other.mp4"]


def test_a_part_of_a_video_is_asked_for(mindia: Mindia, video: str, tmp_path: Path) -> None:
    said = mindia("download", video, "--start", "5", "--end", "2.5", "-o", tmp_path / "no.mp4")
    assert said.status == 2
    assert "later than start" in said.err
    assert mindia("download", video, "--start", "-1").status == 2


def test_what_cannot_be_downloaded_leaves_nothing(mindia: Mindia, video: str, tmp_path: Path) -> None:
    said = mindia("download", video, "--variant", "720p", "-o", tmp_path / "no.mp4")
    assert said.status == 2
    assert "it has 9p" in said.err
    assert mindia("download", VIDEO_ID, "-o", tmp_path / "no.mp4").status == 3
    assert mindia("download", video, VIDEO_ID, "-o", tmp_path / "no.mp4").status == 2
    assert mindia("download", video, "-o", tmp_path / "nowhere" / "no.mp4").status == 2
    assert [each.name for each in tmp_path.iterdir() if "no" in each.name] == []
