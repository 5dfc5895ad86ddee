"""Submitting, listing, showing, changing tasks from the terminal."""

import json
import time
from pathlib import Path
from uuid import uuid4

import pytest
import requests

from broker.broker import Broker
from broker.clock import from_rfc3339
from broker.task import NewTask
from tests.gateway.conftest import VIDEO_ID
from tests.gateway.media import PNG
from tests.gateway.work import complete, fail, start
from tests.scripts.cli.conftest import Mindia


def submit(broker: Broker, **more: object) -> str:
    new = NewTask(**{"type": "VideoTranscoding", "payload": {"video_id": VIDEO_ID}, **more})  # type: ignore[arg-type]
    return broker.tasks.submit("ops", new)[0].id


def test_what_is_submitted_is_what_was_written(mindia: Mindia, broker: Broker) -> None:
    said = mindia("submit", "VideoTranscoding", f"video_id={VIDEO_ID}", "--priority", 7, "--delay", "1h", "-q")
    assert said.status == 0
    task = broker.tasks.get("ops", said.out.strip())
    assert (task.payload, task.priority, task.status) == ({"video_id": VIDEO_ID}, 7, "scheduled")


def test_a_payload_from_a_file_and_members_that_the_program_does_not_know(
    mindia: Mindia, broker: Broker, tmp_path
) -> None:  # type: ignore[no-untyped-def]
    path = tmp_path / "payload.json"
    path.write_text(json.dumps({"video_id": VIDEO_ID}))
    said = mindia("submit", "VideoTranscoding", "--payload", f"@{path}", "--set", "max_retries:=9", "--json")
    assert json.loads(said.out)["max_retries"] == 9


def test_a_deadline_in_a_span_or_as_a_time(mindia: Mindia, broker: Broker) -> None:
    words = ["submit", "VideoTranscoding", f"video_id={VIDEO_ID}", "-q"]
    task = broker.tasks.get("ops", mindia(*words, "--deadline", "15m").out.strip())
    assert task.deadline
    assert 880 < from_rfc3339(task.deadline) / 1e6 - time.time() < 901
    task_id = mindia(*words, "--deadline", "2099-01-01T00:00Z").out.strip()
    assert broker.tasks.get("ops", task_id).deadline == "2099-01-01T00:00:00.000000Z"
    assert "deadline" in mindia("show", task_id).out
    assert mindia(*words, "--deadline", "soon").status == 2
    broker.transitions.register_worker("w1", ttl=30, queues="VideoTranscoding", fields={"pid": 1})
    late = mindia(*words, "--deadline", "15m", "--delay", "1h")
    assert late.status == 5
    assert "at the earliest, which is too late" in late.err


@pytest.mark.usefixtures("nothing_kept")
def test_what_a_task_would_come_to(mindia: Mindia, broker: Broker) -> None:
    words = ["submit", "VideoTranscoding", f"video_id={VIDEO_ID}", "--quote"]
    assert "No worker listens to VideoTranscoding." in mindia(*words).out
    broker.transitions.register_worker("w1", ttl=30, queues="VideoTranscoding", fields={"pid": 1})
    told = dict(line.split("  ", 1) for line in mindia(*words).out.splitlines())
    assert told.keys() == {"position", "starts", "ends", "estimate", "takes"}
    assert json.loads(mindia(*words, "--json").out)["position"] == 1
    assert mindia(*words, "-q").out.startswith("20")
    assert broker.tasks.stats("ops").total == 0


def test_json_is_what_the_api_answers(mindia: Mindia, broker: Broker) -> None:
    task_id = submit(broker)
    shown = json.loads(mindia("show", task_id, "--json").out)
    assert shown["id"] == task_id
    assert shown["payload"] == {"video_id": VIDEO_ID}
    submit(broker)
    page = json.loads(mindia("list", "--json", "--limit", 1).out)
    assert (len(page["tasks"]), page["total"]) == (1, 2)
    assert mindia("list", "--limit", 1).err == "1 of 2: --limit, --all\n"
    assert json.loads(mindia("cancel", task_id, "--json").out)["status"] == "cancelled"


@pytest.mark.parametrize("key", ["order-7", 'the "first" order of \\ today', " ", "x" * 255])
def test_a_command_that_is_repeated_with_its_key_submits_once(mindia: Mindia, broker: Broker, key: str) -> None:
    words = ["submit", "VideoTranscoding", f"video_id={VIDEO_ID}", "-q", "--idempotency-key", key]
    first = mindia(*words)
    assert (first.status, first.err) == (0, "")
    assert mindia(*words) == first
    assert broker.tasks.stats("ops").total == 1


@pytest.mark.parametrize("key", ["", "x" * 256, "caf\u00e9", "a\nb"])
def test_what_can_be_no_key_submits_nothing(mindia: Mindia, broker: Broker, key: str) -> None:
    said = mindia("submit", "VideoTranscoding", f"video_id={VIDEO_ID}", "--idempotency-key", key)
    assert said.status == 2
    assert "1 to 255 printable ASCII characters" in said.err
    assert broker.tasks.stats("ops").total == 0


def test_a_key_is_the_same_as_the_clients_send(mindia: Mindia, broker: Broker, url: str) -> None:
    """Bare or in quotes, a program that repeats what the terminal has begun finds its task."""
    words = ["submit", "VideoTranscoding", f"video_id={VIDEO_ID}", "-q", "--idempotency-key", "order-7"]
    body = {"type": "VideoTranscoding", "payload": {"video_id": VIDEO_ID}}
    for sent in ("order-7", '"order-7"'):
        headers = {"Authorization": "Bearer ops-key", "Idempotency-Key": sent}
        answer = requests.post(f"{url}/api/tasks", json=body, headers=headers, timeout=10).json()
        assert answer["id"] == mindia(*words).out.strip()


def test_a_list_in_words_and_as_ids(mindia: Mindia, broker: Broker) -> None:
    first = submit(broker)
    fail(broker, "the disk is full")
    second = submit(broker)
    told = mindia("list").out.splitlines()
    assert told[0].split() == ["ID", "TYPE", "STATUS", "AGE", "DETAIL"]
    assert told[1].startswith(f"{second}  VideoTranscoding  pending")
    assert told[2].startswith(f"{first}  VideoTranscoding  failed")
    assert told[2].endswith("the disk is full")
    assert mindia("list", "-q", "--status", "failed").out.split() == [first]
    assert mindia("list", "-q", "--error", "disk").out.split() == [first]


def test_all_are_listed_once_while_more_arrive(mindia: Mindia, broker: Broker) -> None:
    new = [NewTask("VideoTranscoding", {"video_id": VIDEO_ID}) for _ in range(230)]
    ids = {task.id for task, _ in broker.tasks.submit_many("ops", new)} | {submit(broker) for _ in range(30)}
    assert set(mindia("list", "--all", "-q").out.split()) == ids


def test_an_error_obeys_no_terminal(mindia: Mindia, broker: Broker) -> None:
    task_id = submit(broker, payload={"video_id": VIDEO_ID}, unique_key="\x1b[31m")
    path = mindia("submit", "PluginExecution", f"media_id={uuid4()}", "plugin_name=\x1b]0;hello\x07\x9b1m", "-q")
    assert path.status == 0
    for words in (["show", task_id], ["show", path.out.strip()], ["list"], ["show", path.out.strip(), "--json"]):
        assert not {"\x1b", "\x9b", "\x07"} & set(mindia(*words).out), words


def test_cancelling_and_retrying_by_name_by_stdin_and_by_filter(mindia: Mindia, broker: Broker, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    waiting, scheduled = submit(broker), submit(broker, delay_seconds=60)
    assert mindia("cancel", waiting).out == f"{waiting}  cancelled\n"
    said = mindia("cancel", "--type", "VideoTranscoding")
    assert said.status == 2
    assert "Cancel 1 task? Nobody is here to be asked: add --yes." in said.err
    assert mindia("cancel", "--type", "VideoTranscoding", "--yes").out == "1 cancelled\n"
    assert broker.tasks.get("ops", scheduled).status == "cancelled"
    submit(broker)
    failed = fail(broker, "no route to host")
    assert mindia("retry", "--error", "something else", "--yes").out == ""
    assert json.loads(mindia("retry", "--error", "no route", "--yes", "--json").out)["done"] == 1
    assert broker.tasks.get("ops", failed).status == "scheduled"


def test_ids_come_in_on_stdin(start, broker: Broker) -> None:  # type: ignore[no-untyped-def]
    ids = [submit(broker) for _ in range(3)]
    process = start("cancel", "-", stdin=-1)
    out, _ = process.communicate("\n".join(ids))
    assert process.returncode == 0
    assert out.count("cancelled") == 3
    assert start("cancel", "-", stdin=-1).communicate("") == ("", "")


def test_the_first_failure_is_the_status_and_the_others_are_done(mindia: Mindia, broker: Broker) -> None:
    submit(broker)
    done, waiting = complete(broker), submit(broker)
    said = mindia("cancel", done, uuid4(), waiting)
    assert said.status == 5
    assert said.out == f"{waiting}  cancelled\n"
    assert "This task is completed" in said.err
    assert "error: There is no task" in said.err


def test_a_running_task_is_stopped_by_force_alone(mindia: Mindia, broker: Broker) -> None:
    task_id = submit(broker)
    start(broker)
    said = mindia("cancel", task_id)
    assert (said.status, said.out) == (5, "")
    assert said.err.rstrip().endswith("Add --force to stop it.")
    assert mindia("cancel", task_id, "--force").status == 0


def test_failures_that_differ_in_a_number_are_one_group(mindia: Mindia, broker: Broker) -> None:
    for message in ("file 17 is gone", "file 18 is gone", "the disk is full"):
        submit(broker)
        fail(broker, message)
    found = json.loads(mindia("failures", "--json").out)["failures"]
    assert [(each["count"], each["message"]) for each in found] == [(1, "the disk is full"), (2, "file 18 is gone")]
    full, gone = (each["id"] for each in found)
    row = mindia("failures").out.splitlines()[2].split()
    assert (row[0], row[4]) == ("2", gone)
    assert mindia("failures", full, "--resolve").out == f"{full}  resolved\n"
    assert mindia("failures", "-q").out.split() == [gone]
    assert len(mindia("list", "--failure", gone, "-q").out.split()) == 2
    assert mindia("failures", gone, "--retry").out == f"{gone}  2 due again\n"
    submit(broker)
    fail(broker, "the disk is full")
    assert "again: the disk is full" in mindia("failures").out


def test_a_task_that_is_shown_names_its_file(mindia: Mindia, broker: Broker, tmp_path: Path) -> None:
    still = tmp_path / "still.png"
    still.write_bytes(PNG)
    media = json.loads(mindia("upload", still, "--json").out)
    fail(broker, "it is damaged")
    assert f"still.png (image {media['id']})" in mindia("show", media["task_id"]).out
    by_plugin = json.loads(
        mindia("submit", "PluginExecution", "plugin_name=checksum", f"media_id={media['id']}", "--json").out
    )
    assert f"still.png (image {media['id']})" in mindia("show", by_plugin["id"]).out


def test_a_list_names_the_files_that_its_tasks_are_about(mindia: Mindia, broker: Broker, tmp_path: Path) -> None:
    still = tmp_path / "still.png"
    still.write_bytes(PNG)
    media = json.loads(mindia("upload", still, "--json").out)
    fail(broker, "it is damaged")
    mindia("submit", "PluginExecution", "plugin_name=checksum", f"media_id={media['id']}")
    submit(broker)
    lost, by_plugin, failed = mindia("list").out.splitlines()[1:]
    assert "still.png" not in lost
    assert "  still.png: " in by_plugin
    assert failed.endswith("  still.png: it is damaged")
    assert mindia("delete", media["id"], "--as", "image").status == 0
    again = mindia("delete", media["id"], "--as", "image")
    assert (again.status, again.out, again.err) == (3, "", "error: There is no media file with this id.\n")


def test_statuses_may_be_given_as_the_api_takes_them(mindia: Mindia, broker: Broker) -> None:
    for _ in range(3):
        submit(broker)
    done, bad = complete(broker), fail(broker)
    assert set(mindia("list", "-q", "--status", "completed,failed").out.split()) == {done, bad}
    assert set(mindia("list", "-q", "--status", "completed", "--status", "failed").out.split()) == {done, bad}
    assert (
        mindia("list", "-q", "--type", "VideoTranscoding,EmbeddingGeneration", "--status", "failed").out == f"{bad}\n"
    )
    assert "'gone' is not one of" in mindia("list", "--status", "failed,gone").err


def test_all_that_match_are_deleted_and_what_was_done_is_listed(mindia: Mindia, broker: Broker) -> None:
    ids = [submit(broker, tags=["red"]) for _ in range(3)]
    complete(broker)
    assert mindia("delete", "--tag", "red", "--yes").out == "1 deleted\n"
    assert len(mindia("list", "--tag", "red", "-q").out.split()) == len(ids) - 1
    listed = mindia("operations").out.splitlines()
    assert [line.split()[1] for line in listed[1:]] == ["delete", "delete,"]
    done = mindia("operations", "-q").out.split()[0]
    assert "completed: 1 of 1 looked at, 1 done" in mindia("operations", done).out
    assert mindia("operations", done, "--cancel").status == 0
    assert mindia("delete", "--tag", "red", "--as", "video", "--yes").status == 2


def test_a_task_that_waits_is_changed(mindia: Mindia, broker: Broker) -> None:
    task_id = submit(broker)
    assert mindia("update", task_id, "--priority", "9", "--tag", "x").out == f"{task_id}  pending  priority 9\n"
    assert mindia("update", task_id, "--delay", "1h", "-q").out.split() == [task_id]
    assert broker.tasks.get("ops", task_id).status == "scheduled"
    assert mindia("update", task_id, "--no-tags", "--delay", "0s").status == 0
    task = broker.tasks.get("ops", task_id)
    assert (task.status, task.priority, task.tags) == ("pending", 9, [])
    complete(broker)
    assert mindia("update", task_id, "--priority", "1").status == 5


def test_several_filters_of_a_list(mindia: Mindia, broker: Broker) -> None:
    red = submit(broker, tags=["red"], group="g")
    blue = submit(broker, tags=["blue"], delay_seconds=60)
    assert mindia("list", "-q", "--status", "pending", "--status", "scheduled").out.split() == [blue, red]
    assert mindia("list", "-q", "--group", "g").out.split() == [red]
    assert mindia("list", "-q", "--tag", "blue", "--all").out.split() == [blue]
