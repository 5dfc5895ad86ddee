"""Guards what a run is: its outcome whatever the handler does, its retries, and what a context offers."""

import uuid
from pathlib import Path
from typing import Any

import pytest

from broker.media.records import MediaRecord
from broker.task import NewTask
from tests.broker.worker import processes
from tests.broker.worker.harness import TENANT, Formation

ONCE = {"max_retries": 0}


def test_an_answer_becomes_the_result(running: Formation) -> None:
    value = {"answer": [42, None, "caf\u00e9 \N{GRINNING FACE}"]}
    task = running.until_status(running.submit("answer", value=value), "completed")
    assert task.result == value
    assert (task.retry_count, task.error, task.attempts) == (0, None, [])
    assert task.created_at <= (task.started_at or "") <= (task.completed_at or "")


def test_a_passing_failure_is_tried_again_and_told_in_the_history(running: Formation) -> None:
    task_id = running.submit("flaky", failures=2)
    task = running.until_status(task_id, "completed")
    assert task.result == {"attempt": 3}
    assert (task.retry_count, task.error) == (2, None)
    assert [(each["outcome"], each["error"]) for each in task.attempts] == [
        ("failed", "failure 1"),
        ("failed", "failure 2"),
    ]
    assert all(each["started_at"] <= each["ended_at"] and each["worker"] for each in task.attempts)


def test_a_task_that_waits_for_somebody_else_spends_nothing_and_holds_nobody_up(running: Formation) -> None:
    """Its many looks are runs without a failure, between which other tasks run."""
    path = running.file("arrived")
    task_id = running.submit("await_file", path=str(path), options=ONCE)
    running.until(lambda: len(running.effects(task_id, "start")) >= 3, "three looks")
    other = running.until_status(running.submit("answer", value="meanwhile"), "completed")
    assert running.task(task_id).status in ("scheduled", "pending", "processing")
    path.touch()
    task = running.until_status(task_id, "completed")
    assert task.result["looks"] == len(running.effects(task_id, "start")) >= 3
    assert (task.retry_count, task.error, task.attempts) == (0, None, [])
    assert (task.completed_at or "") > (other.completed_at or "")


def test_a_failure_that_does_not_pass_uses_all_retries(running: Formation) -> None:
    task_id = running.submit("fail", kind="value", message="two\nlines", options={"max_retries": 1})
    task = running.until_status(task_id, "failed")
    assert (task.retry_count, task.error) == (1, "ValueError: two lines")
    assert len(running.effects(task_id, "start")) == 2


def test_a_permanent_failure_is_not_tried_again(running: Formation) -> None:
    task_id = running.submit("fail", kind="permanent", message="broken file", options={"max_retries": 5})
    task = running.until_status(task_id, "failed")
    assert (task.retry_count, task.error) == (0, "broken file")
    assert len(running.effects(task_id, "start")) == 1


@pytest.mark.parametrize("kind", ["cancelled", "interrupt", "exit"])
def test_an_exception_that_is_no_error_fails_the_task_and_spares_the_process(running: Formation, kind: str) -> None:
    task_id = running.submit("fail", kind=kind, options=ONCE)
    task = running.until_status(task_id, "failed")
    assert task.error and "no luck" in task.error
    assert processes.alive(running.effects(task_id, "start")[0]["pid"])


@pytest.mark.parametrize("kind", ["set", "bytes", "nan", "surrogate", "loop", "huge", "wide", "deep"])
def test_an_answer_that_is_not_json_or_too_large_fails_the_task_for_good(running: Formation, kind: str) -> None:
    task_id = running.submit("strange", kind=kind)
    task = running.until_status(task_id, "failed", "completed")
    assert task.status == "failed"
    assert task.error and "answer" in task.error
    assert len(running.effects(task_id, "start")) == 1


def test_an_error_that_is_not_unicode_is_told_all_the_same(running: Formation) -> None:
    task = running.until_status(running.submit("unreadable", options=ONCE), "failed")
    assert task.error and "cannot read caf?.mp4" in task.error


def test_a_handler_that_cannot_be_loaded_fails_the_task_with_its_name(running: Formation) -> None:
    task = running.until_status(running.submit("answer", type="Broken", options=ONCE), "failed")
    assert task.error and "tests.no_such_module" in task.error


def test_a_handler_that_its_module_does_not_have_fails_the_task_for_good(running: Formation) -> None:
    task = running.until_status(running.submit("answer", type="Nameless"), "failed")
    assert task.error and "cannot load 'tests.handlers_for_tests:nothing'" in task.error
    assert task.retry_count == 0


def test_progress_is_seen_while_the_task_runs_and_not_by_the_next_run(running: Formation) -> None:
    stage = "\N{GRINNING FACE}" * 100  # as many bytes as a stage can have
    go = running.file("told")
    task_id = running.submit("tell", percent=41.26, stage=stage, path=str(go))
    running.until(lambda: running.task(task_id).progress == {"percent": 41.3, "stage": stage}, "progress")
    go.touch()
    assert running.until_status(task_id, "completed").progress == {"percent": 100.0, "stage": "done"}
    quiet, go = running.submit("hold", path=str(running.file("quiet"))), running.file("quiet")
    running.until(lambda: running.field(quiet, "last_heartbeat"), "the first heartbeat")
    assert running.task(quiet).progress is None
    go.touch()
    running.until_status(quiet, "completed")


def test_what_a_run_remembers_later_runs_recall(running: Formation) -> None:
    task = running.until_status(running.submit("count_up"), "completed")
    assert task.result == {"seen": 3}


def test_scratch_is_an_empty_folder_of_the_run_and_goes_with_it(running: Formation) -> None:
    go = running.file("littered")
    task_id = running.submit("litter", path=str(go))
    folder = Path(running.until(lambda: running.effects(task_id, "scratch"), "scratch is used")[0]["folder"])
    assert [each.name for each in folder.iterdir()] == ["large.tmp"]
    go.touch()
    running.until_status(task_id, "completed")
    assert not folder.exists()


def test_media_info_is_merged_when_the_task_completes(running: Formation) -> None:
    media_id = _upload(running, {"width": 640})
    task = running.until_status(_learn(running, media_id, {"width": 1280, "codec": "h264"}), "completed")
    assert task.result == {"before": {"width": 640}}
    assert running.broker.media.get(TENANT, media_id).info == {"width": 1280, "codec": "h264"}


def test_media_info_of_a_run_that_failed_is_forgotten(running: Formation) -> None:
    media_id = _upload(running, {"width": 640})
    running.until_status(_learn(running, media_id, {"width": 1280}, failing=True), "failed")
    assert running.broker.media.get(TENANT, media_id).info == {"width": 640}


def test_attaching_nothing_completes_the_task_in_every_place(running: Formation) -> None:
    media_id = _upload(running, {})
    task_id = running.until_status(_learn(running, media_id, {}), "completed").id
    assert running.broker.redis.zscore(running.broker.keys.registry("finished", "Act"), task_id) is not None


def test_another_tenants_media_does_not_exist(running: Formation) -> None:
    media_id = _upload(running, {}, tenant="other")
    task = running.until_status(_learn(running, media_id, {"width": 1}), "failed")
    assert task.error == f"There is no media file {media_id} (any more)."


def _learn(running: Formation, media_id: str, info: dict[str, Any], failing: bool = False) -> str:
    return running.submit("learn", media_id=media_id, info=info, failing=failing)


def _upload(running: Formation, info: dict[str, Any], tenant: str = TENANT) -> str:
    media_id = str(uuid.uuid4())
    record = MediaRecord(
        media_id, tenant, "video", "a.mp4", "video/mp4", 1, f"{tenant}/{media_id}/source.mp4", "", info=info
    )
    new = NewTask("Act", {"act": "answer", "args": {}})
    running.broker.tasks.submit(tenant, new, media=record)
    return media_id
