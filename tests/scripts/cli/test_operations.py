"""Queues, limits, workers, health, webhooks and media from the terminal."""

import json
from pathlib import Path

import pytest

from broker.broker import Broker
from broker.webhooks.events import TYPES
from tests.gateway.media import MP4, PNG
from tests.gateway.work import complete
from tests.scripts.cli.conftest import Mindia, Start, enlist
from tests.scripts.cli.test_limits import queue_of
from tests.scripts.cli.test_tasks import submit


def test_pause_and_resume(mindia: Mindia, broker: Broker) -> None:
    submit(broker)
    assert mindia("pause", "VideoTranscoding").out == "VideoTranscoding is paused: 1 waiting, 0 running\n"
    row = next(line for line in mindia("queues").out.splitlines() if line.startswith("VideoTranscoding"))
    assert row.split()[-1] == "paused"
    doctor = mindia("doctor")
    assert doctor.status == 1
    assert "! VideoTranscoding is paused, 1 wait: mindia resume VideoTranscoding" in doctor.out
    assert mindia("resume", "VideoTranscoding").status == 0
    assert not queue_of(broker).paused


def test_the_doctor_tells_who_is_missing_and_what_a_tenant_may_see(
    mindia: Mindia, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = mindia("doctor", "--json")
    assert said.status == 1
    assert any("VideoTranscoding" in finding for finding in json.loads(said.out)["findings"])
    monkeypatch.setenv("MINDIA_KEY", "acme-key")
    assert "The key from MINDIA_KEY is acme's, for read, write\n" in mindia("doctor").out
    monkeypatch.setenv("MINDIA_KEY", "nobodys")
    assert mindia("doctor").status == 4


def test_nobody_works(mindia: Mindia) -> None:
    said = mindia("workers")
    assert (said.status, said.out, said.err) == (0, "", "No worker is alive: nothing is started.\n")


def test_media_go_up_by_what_they_are_called(mindia: Mindia, broker: Broker, tmp_path: Path) -> None:
    video, image = tmp_path / 'a "clip" 日本.mp4', tmp_path / "still.png"
    video.write_bytes(MP4)
    image.write_bytes(PNG)
    said = mindia("upload", "--json", video, image)
    assert said.status == 0
    first, second = map(json.loads, said.out.splitlines())
    assert (first["size"], second["size"]) == (len(MP4), len(PNG))
    assert (first["filename"], second["filename"]) == (video.name, image.name)
    assert broker.tasks.get("ops", first["task_id"]).type == "VideoTranscoding"
    assert broker.tasks.get("ops", second["task_id"]).type == "EmbeddingGeneration"


def test_an_upload_that_is_too_large_or_something_else_is_refused_in_words(mindia: Mindia, tmp_path: Path) -> None:
    large, wrong = tmp_path / "large.mp4", tmp_path / "wrong.mp4"
    large.write_bytes(MP4 + bytes(3_000_000))
    wrong.write_bytes(PNG)
    said = mindia("upload", wrong)
    assert (said.status, said.err) == (2, f"error: {wrong}: The file is an image (image/png), not a video.\n")
    said = mindia("upload", large)
    assert said.status == 2
    assert "100000 bytes" in said.err


def test_upload_and_wait(start: Start, broker: Broker, tmp_path: Path) -> None:
    path = tmp_path / "clip.mp4"
    path.write_bytes(MP4)
    process = start("upload", path, "--wait")
    assert process.stdout
    assert "clip.mp4  1.0 kB" in process.stdout.readline()
    assert "pending" in process.stdout.readline()
    complete(broker)
    rest = process.stdout.read()
    assert process.wait() == 0
    assert "completed" in rest
    assert "Play it: http://127.0.0.1:" in rest


def test_webhooks_are_made_tried_changed_and_deleted(mindia: Mindia, broker: Broker) -> None:
    made = json.loads(mindia("webhooks", "create", "https://example.com/hook", "--json").out)
    assert made["secret"].startswith("whsec_")
    assert made["events"] == sorted(TYPES)
    assert mindia("webhooks", "change", made["id"], "--disable", "--event", "task.failed").status == 0
    assert "off" in mindia("webhooks", "list").out
    assert [each.enabled for each in broker.webhooks.all("ops")] == [False]
    assert mindia("webhooks", "deliveries", made["id"]).err == "Nothing was sent to it yet.\n"
    assert "whsec_" in mindia("webhooks", "rotate", made["id"]).out
    assert mindia("webhooks", "delete", made["id"]).status == 0
    assert mindia("webhooks", "list", "-q").out == ""


def test_keys_are_made_used_rotated_and_revoked(mindia: Mindia, monkeypatch: pytest.MonkeyPatch) -> None:
    made = mindia("keys", "create", "nightly", "--scope", "read", "--tenant", "acme", "--expires", "30d")
    assert made.out.count("\n") == 1  # nothing but the key, for KEY=$(mindia keys create ...)
    key_id = mindia("keys", "list", "-q").out.strip()
    row = mindia("keys", "list").out.splitlines()[1].split()
    assert row[:3] == [key_id, "acme", "read"]
    monkeypatch.setenv("MINDIA_KEY", made.out.strip())
    assert mindia("list").status == 0
    assert mindia("submit", "VideoTranscoding", "video_id=no").status == 4
    monkeypatch.setenv("MINDIA_KEY", "ops-key")
    second = mindia("keys", "rotate", key_id, "--overlap", "0").out.strip()
    monkeypatch.setenv("MINDIA_KEY", made.out.strip())
    assert mindia("list").status == 4
    monkeypatch.setenv("MINDIA_KEY", second)
    assert mindia("list").status == 0
    monkeypatch.setenv("MINDIA_KEY", "ops-key")
    assert mindia("keys", "revoke", key_id).out == f"{key_id}  revoked\n"
    monkeypatch.setenv("MINDIA_KEY", second)
    assert mindia("list").status == 4


def test_a_search_that_nobody_can_answer(mindia: Mindia) -> None:
    said = mindia("search", "a", "dog")
    assert said.status == 6
    assert "Try again in" in said.err


def test_the_link_to_the_page_signs_in(mindia: Mindia, url: str) -> None:
    assert mindia("open") == (0, f"{url}/#key=ops-key\n", "")


def test_types_and_workers_are_completed(start: Start, environ: dict[str, str], broker: Broker) -> None:
    environ |= {"_MINDIA_COMPLETE": "bash_complete", "COMP_WORDS": "mindia submit Vid", "COMP_CWORD": "2"}
    out, err = start().communicate(timeout=60)
    assert (out, err) == ("plain,VideoTranscoding\n", "")
    enlist(broker)
    environ |= {"COMP_WORDS": "mindia drain te"}
    out, err = start().communicate(timeout=60)
    assert (out, err) == ("plain,tester\n", "")


def test_what_a_shell_is_told(mindia: Mindia) -> None:
    for shell in ("bash", "zsh", "fish"):
        assert "_MINDIA_COMPLETE" in mindia("completion", shell).out
