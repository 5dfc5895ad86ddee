"""Captions of videos, and transcoding them again, from the terminal."""

import io
import json
from pathlib import Path
from uuid import uuid4

import pytest

from broker.broker import Broker
from tests.gateway.media import MP4
from tests.gateway.test_reprocessing import MASTER, VARIANT
from tests.gateway.work import complete
from tests.scripts.cli.conftest import Mindia, time_is_over

SRT = "1\n00:00:00,000 --> 00:00:01,000\nHello\n"


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    path = tmp_path / "clip.mp4"
    path.write_bytes(MP4)
    return path


def made(mindia: Mindia, broker: Broker, clip: Path) -> str:
    """The id of a video that plays."""
    video_id = str(json.loads(mindia("upload", clip, "--json").out)["id"])
    broker.storage.put(f"ops/{video_id}/hls/master.m3u8", io.BytesIO(MASTER))
    complete(broker, {}, video_id, variants=[VARIANT], duration_seconds=1.0)
    return video_id


def test_captions_are_added_listed_and_deleted(mindia: Mindia, clip: Path, tmp_path: Path) -> None:
    video = json.loads(mindia("upload", clip, "--json").out)["id"]
    assert "mindia captions add" in mindia("captions", "list", video).err
    text = tmp_path / "pt.srt"
    text.write_text(SRT)
    said = mindia("captions", "add", video, text, "--language", "pt-BR", "--label", "Português")
    caption = said.out.split("  ")[0]
    assert said.out == f"{caption}  pt-BR  Português  1 cue\n"
    english = mindia("captions", "add", video, text, "--language", "en", "-q").out.strip()
    listed = mindia("captions", "list", video).out.splitlines()
    assert listed[0].split() == ["ID", "LANGUAGE", "FROM", "CUES", "LABEL"]
    assert {line.split()[1] for line in listed[1:]} == {"pt-BR", "en"}
    assert mindia("captions", "delete", video, caption, english).out == f"{caption}  deleted\n{english}  deleted\n"
    assert mindia("captions", "list", video, "-q").out == ""
    assert mindia("captions", "delete", video, caption).status == 3
    text.write_text("no captions at all")
    assert mindia("captions", "add", video, text, "--language", "en").status == 2
    assert mindia("captions", "add", video, tmp_path / "none.srt", "--language", "en").status == 2


def test_videos_are_transcoded_again_by_name(mindia: Mindia, broker: Broker, clip: Path) -> None:
    video = made(mindia, broker, clip)
    assert mindia("reprocess", video, "--set", "speed:=2").status == 2
    said = mindia("reprocess", video, uuid4(), "--urgent")
    assert said.status == 3
    task = broker.tasks.get("ops", said.out.split("  ")[0])
    assert (task.type, task.payload, task.background) == ("VideoTranscoding", {"video_id": video}, False)
    assert mindia("reprocess", video, "-q").out == f"{task.id}\n"
    assert mindia("reprocess").status == mindia("reprocess", video, "--all").status == 2


def test_what_is_waited_for_is_told_once_however_soon_the_time_is_over(
    mindia: Mindia, broker: Broker, clip: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    video = made(mindia, broker, clip)
    monkeypatch.setattr("scripts.cli.result.follow", time_is_over)
    given_up = mindia("reprocess", video, "--timeout", "9", "--json")
    task = json.loads(given_up.out)
    assert (task["status"], given_up.status) == ("pending", 124)
    assert mindia("reprocess", video, "--timeout", "9").out.count(task["id"]) == 1


def test_all_that_match_are_counted_first(mindia: Mindia, broker: Broker, clip: Path) -> None:
    mindia("upload", clip)
    complete_ids = {made(mindia, broker, clip) for _ in range(2)}
    asked = mindia("reprocess", "--from", "1h")
    assert asked.status == 2
    assert "Transcode 2 videos again (not: 1 not transcoded)? Nobody is here" in asked.err
    said = json.loads(mindia("reprocess", "--all", "--yes", "--json").out)
    assert (said["matched"], said["done"], said["skipped"], said["reasons"]) == (3, 2, 1, {"not_transcoded": 1})
    tasks = [each for each in broker.tasks.page("ops").tasks if each.background]
    assert sorted(task.payload["video_id"] for task in tasks) == sorted(complete_ids)
    assert "Nothing to transcode again" in mindia("reprocess", "--to", "2001-01-01").err
    assert f"{said['id']}  reprocess  completed: 3 of 3 looked at, 2 done" in mindia("operations", said["id"]).out
    assert said["id"] in mindia("operations", "-q").out.splitlines()


def test_what_all_that_match_come_to_can_be_waited_for(mindia: Mindia, broker: Broker, clip: Path) -> None:
    for _ in range(2):
        made(mindia, broker, clip)
    said = mindia("reprocess", "--all", "--yes", "--wait", "--timeout", "0.1")
    assert said.status == 124
    (tag,) = {tag for each in broker.tasks.page("ops").tasks for tag in each.tags}
    assert tag.startswith("reprocess-")
    assert len([each for each in broker.tasks.page("ops").tasks if tag in each.tags]) == 2
