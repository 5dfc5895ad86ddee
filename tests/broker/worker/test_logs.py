"""What a handler says is kept for its task's owner: all of it, in order, from each attempt, however the run ends."""

import json
import signal
from collections.abc import Callable

import pytest

from broker import task_logs, trace
from broker.task_logs import Line
from tests.broker.worker.harness import TENANT, Formation

PARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


def log(formation: Formation, task_id: str) -> list[Line]:
    return formation.broker.task_logs.page(task_id, limit=10_000).lines


def messages(formation: Formation, task_id: str) -> list[str]:
    return [each.message for each in log(formation, task_id)]


def test_whatever_a_run_says_is_in_its_log_when_its_task_has_ended(running: Formation) -> None:
    task_id = running.submit("print_all")
    running.until_status(task_id, "completed")
    lines = log(running, task_id)
    assert [(each.logger, each.level, each.message.partition("\n")[0]) for each in lines] == [
        ("stdout", "info", "printed words"),
        ("stderr", "info", "to stderr"),
        ("some.library", "warning", "from a library"),
        ("root", "error", "it went wrong"),
        ("stdout", "info", "in a thread"),
        ("stdout", "info", "no end of line"),
    ]
    assert lines[3].message.endswith("ValueError: bad value")
    assert [each.id for each in lines] == [f"1-{number}" for number in range(1, 7)]
    started, ended = running.task(task_id).started_at, running.task(task_id).completed_at
    assert started and ended and started <= lines[0].at <= lines[-1].at <= ended


def test_lines_can_be_read_while_the_run_goes_on(running: Formation) -> None:
    go = running.file("go on")
    task_id = running.submit("say", lines=["one", "two"], path=str(go))
    running.until(lambda: messages(running, task_id) == ["one", "two"], "what was said can be read", seconds=10)
    assert running.task(task_id).status == "processing"
    go.touch()
    running.until_status(task_id, "completed")
    assert messages(running, task_id) == ["one", "two"]


def test_the_last_words_of_a_process_that_was_killed_are_kept_and_attempts_told_apart(running: Formation) -> None:
    task_id = running.submit("say", lines=["before the end"], number=signal.SIGKILL)
    running.until_status(task_id, "failed", seconds=30)
    assert [(each.attempt, each.message) for each in log(running, task_id)] == [
        (1, "before the end"),
        (2, "before the end"),
        (3, "before the end"),
    ]
    page = running.broker.task_logs.page(task_id, attempt=2)
    assert [each.id for each in page.lines] == ["2-1"]


def test_a_flood_is_bounded_counted_and_slows_nobody(formation_of: Callable[..., Formation]) -> None:
    formation = formation_of()
    formation.worker()
    task_id, after = formation.submit("flood", lines=30_000), formation.submit("say", lines=["after the flood"])
    result = formation.until_status(task_id, "completed", seconds=60).result
    lines = log(formation, task_id)
    stream = formation.broker.keys.task_log(task_id)
    size = formation.broker.redis.memory_usage(stream, samples=0)
    assert len(lines) <= task_logs.MOST_LINES
    assert size < 256 * 1024
    told = [each.message for each in lines if each.logger == "task"]
    assert all(each.endswith("they were said faster than they could be kept.") for each in told)
    assert lines[-1].message == "line 29999"
    assert result["seconds"] < 30  # some 20 us a line on a quiet machine
    formation.until_status(after, "completed")
    assert messages(formation, after) == ["after the flood"]


def test_lines_have_an_end(running: Formation) -> None:
    task_id = running.submit("say", lines=["x" * 100_000 + "end", "a\x1b[31mb\u2028c\x00", "\N{GRINNING FACE}" * 3000])
    running.until_status(task_id, "completed")
    first, second, third = messages(running, task_id)
    assert first.startswith("xxx")
    assert first.endswith("xend")
    assert "bytes are left out" in first
    assert len(first.encode()) < 4096
    assert second == "a\\x1b[31mb\\u2028c\\x00"
    assert len(third.encode()) < 4096


def test_secrets_are_not_kept(running: Formation) -> None:
    task_id = running.submit("say", lines=["the key is k-123456789"], secret="k-123456789")
    running.until_status(task_id, "completed")
    assert messages(running, task_id) == ["the key is [secret]"]
    other = running.submit("say", lines=["the key is k-123456789"])
    running.until_status(other, "completed")
    assert messages(running, other) == ["the key is k-123456789"]


def test_what_an_error_says_is_bounded_plain_and_without_secrets(formation_of: Callable[..., Formation]) -> None:
    secret = "the-operators-own-secret"
    formation = formation_of(SECRET_KEY=secret, LOG_FORMAT="json")
    worker = formation.worker()
    message = f"{secret} \x1b[31m<script>\u202e\x00 " + "x" * 50_000
    task_id = formation.submit("fail", kind="permanent", message=message)
    error = formation.until_status(task_id, "failed").error
    assert error and error.startswith("[secret] \\x1b[31m<script>\\u202e")
    assert len(error) <= 500
    assert error.isprintable()
    formation.until(lambda: "failed" in worker.text, "the end is told")
    assert secret not in worker.text
    redis = formation.broker.redis
    assert not [
        key for key in redis.scan_iter("*") if secret.encode() in (redis.dump(key) or b"") and "job:" not in key
    ]
    shown = [each for name, each in redis.hgetall(formation.broker.keys.job(task_id)).items() if name != "payload"]
    assert not [each for each in shown if secret in each]


def test_who_says_nothing_leaves_nothing(running: Formation) -> None:
    task_id = running.submit("answer")
    running.until_status(task_id, "completed")
    assert not running.broker.redis.exists(running.broker.keys.task_log(task_id))


def test_logs_go_with_their_task(running: Formation) -> None:
    task_id = running.submit("say", lines=["one"])
    running.until_status(task_id, "completed")
    running.broker.task_removal.delete(TENANT, task_id, None)  # type: ignore[arg-type]
    assert not running.broker.redis.exists(running.broker.keys.task_log(task_id))


@pytest.mark.parametrize("form", ["json", "text"])
def test_lines_of_the_process_say_whose_they_are(formation_of: Callable[..., Formation], form: str) -> None:
    formation = formation_of(LOG_FORMAT=form, TASK_LOG_KIB="0")
    worker = formation.worker()
    trace.set_current(trace.Trace("r-1", PARENT))
    try:
        task_id = formation.submit("print_all")
    finally:
        trace.set_current(trace.NONE)
    formation.until_status(task_id, "completed")
    formation.until(lambda: "completed" in worker.text, "the end is told")
    assert not formation.broker.redis.exists(formation.broker.keys.task_log(task_id))
    if form == "text":
        facts = f"task={task_id} type=Act tenant=acme attempt=1 request_id=r-1 trace_id={PARENT[3:35]}"
        assert f"INFO    stdout printed words {facts}\n" in worker.text
        return
    lines = [json.loads(line) for line in worker.text.splitlines()]
    of_task = [each for each in lines if each.get("task") == task_id]
    assert [each["message"] for each in of_task][-1] == "completed"
    assert len(of_task) == 7
    wanted = {"task": task_id, "type": "Act", "tenant": TENANT, "attempt": 1, "request_id": "r-1"}
    for each in of_task:
        assert wanted.items() <= each.items()
        assert each["trace_id"] == PARENT[3:35]
