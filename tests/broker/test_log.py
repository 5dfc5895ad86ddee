"""Guards the log: one line per event whatever is in it, as text or as JSON."""

import json
import logging
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from broker import task_log
from broker.engine.absence import Absence
from broker.log import set_up_logging, tell_events, tell_rows


@pytest.fixture(autouse=True)
def _restored() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


def test_text_is_one_line_even_if_the_message_is_not(capsys: pytest.CaptureFixture[str]) -> None:
    set_up_logging({})
    logging.getLogger("broker").info("one\nERROR forged %s", "two\r\nthree")
    assert capsys.readouterr().err == "INFO    broker one\\nERROR forged two\\r\\nthree\n"


@pytest.mark.parametrize(
    ("text", "shown"),
    [("a\nb", "a\\nb"), ("\x1b[31m", "\\x1b[31m"), ("\x00\x7f\x9b", "\\x00\\x7f\\x9b"), ("a\u2028b", "a\\u2028b"),
     ("\u202eabc", "\\u202eabc"), ("\ud800", "\\ud800"), ("naïve ✓ 😀", "naïve ✓ 😀")],
)  # fmt: skip
def test_nothing_unseen_reaches_the_log(capsys: pytest.CaptureFixture[str], text: str, shown: str) -> None:
    """With and without a traceback, in both formats."""
    for form in ("text", "json"):
        set_up_logging({"LOG_FORMAT": form})
        logging.getLogger("broker").warning("said %s", text)
        try:
            raise ValueError(text)
        except ValueError:
            logging.getLogger("broker").exception("said %s", text)
        out = capsys.readouterr().err
        lines = out.splitlines()
        assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u202e\ud800]", out)
        if form == "text":
            assert [line for line in lines if line[0] != " "] == [
                f"WARNING broker said {shown}",
                f"ERROR   broker said {shown}",
            ]
            assert f"  ValueError: {shown}" in lines or text == "a\nb"
        else:
            assert [json.loads(line)["message"] for line in lines] == [f"said {text}"] * 2
            assert json.loads(lines[1])["exception"].endswith(f"ValueError: {text}")


def test_a_traceback_forges_no_line(capsys: pytest.CaptureFixture[str]) -> None:
    set_up_logging({})
    try:
        raise ValueError("one\nERROR   broker forged\r\nERROR   broker too")
    except ValueError:
        logging.getLogger("broker").exception("it broke")
    first, *rest = capsys.readouterr().err.splitlines()
    assert first == "ERROR   broker it broke"
    assert rest[0] == "  Traceback (most recent call last):"
    assert all(line.startswith("  ") for line in rest)


def test_json_says_the_same_for_programs(capsys: pytest.CaptureFixture[str]) -> None:
    set_up_logging({"LOG_FORMAT": "json"})
    try:
        raise ValueError("naïve ✓")
    except ValueError:
        logging.getLogger("broker").exception("it\nbroke")
    (line,) = capsys.readouterr().err.splitlines()
    entry = json.loads(line)
    assert (entry["level"], entry["logger"], entry["message"]) == ("error", "broker", "it\nbroke")
    assert "ValueError: naïve ✓" in entry["exception"]


def test_what_ends_a_process_is_told_in_json_too() -> None:
    program = "from broker.log import set_up_logging; set_up_logging({'LOG_FORMAT': 'json'}); {}['x']"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert "KeyError: 'x'" in json.loads(line)["exception"]


def test_times_are_utc_wherever_the_machine_stands(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    try:
        set_up_logging({"LOG_FORMAT": "json"})
        logging.getLogger("broker").warning("now")
    finally:
        monkeypatch.undo()
        time.tzset()
    told = datetime.fromisoformat(json.loads(capsys.readouterr().err)["time"])
    assert abs(told - datetime.now(UTC)) < timedelta(minutes=5)


FIELDS = {"task": "t-1", "attempt": 2, "duration": 0.25, "error": 'it\nsaid "no"'}


def test_fields_follow_the_message_as_text_and_are_members_of_json(capsys: pytest.CaptureFixture[str]) -> None:
    """Whichever of the two ways an event takes to get there."""
    logger = logging.getLogger("task")
    ways = (
        lambda: tell_events(logger, logging.WARNING, [(time.time(), "failed", FIELDS)]),
        lambda: logger.warning("failed", extra={"fields": FIELDS}),
    )
    for tell in ways:
        set_up_logging({})
        tell()
        assert capsys.readouterr().err == (
            'WARNING task failed task=t-1 attempt=2 duration=0.250000 error="it\\nsaid \\"no\\""\n'
        )
        set_up_logging({"LOG_FORMAT": "json"})
        tell()
        entry = json.loads(capsys.readouterr().err)
        assert entry == {**entry, **FIELDS, "level": "warning", "logger": "task", "message": "failed"}
        assert entry.keys() == {*FIELDS, "time", "level", "logger", "process", "message"}


@pytest.mark.parametrize("setting", [{}, {"LOG_FORMAT": "json"}])
@pytest.mark.parametrize(
    "values", [["t-1", "t-2"], ["t-1", ""], ["t-1", "a b=c"], ["t-1", "\x1b[31m\n"], ["t-1", "\ud800"]]
)
def test_many_events_of_a_kind_read_as_each_would_alone(
    capsys: pytest.CaptureFixture[str], setting: dict[str, str], values: list[str]
) -> None:
    logger, names = logging.getLogger("task"), ("task", "attempt", "duration")
    rows = [(1.5, (value, 2, 0.0000014)) for value in values]
    set_up_logging(setting)
    tell_rows(logger, logging.INFO, "100 % done", names, rows)
    together = capsys.readouterr().err
    alone = [(at, "100 % done", dict(zip(names, (*row[:2], 0.000001), strict=True))) for at, row in rows]
    tell_events(logger, logging.INFO, alone)
    assert together == capsys.readouterr().err
    assert len(together.splitlines()) == len(values)


@pytest.mark.parametrize(("setting", "told"), [({}, ["completed", "failed"]), ({"LOG_TASKS": "trouble"}, ["failed"])])
def test_what_went_well_can_be_left_out(
    capsys: pytest.CaptureFixture[str], setting: dict[str, str], told: list[str]
) -> None:
    set_up_logging(setting)
    task_log.tell("completed", task="t-1", type="Noop", tenant="acme")
    task_log.warn("failed", task="t-1", type="Noop", tenant="acme")
    lines = capsys.readouterr().err.splitlines()
    assert [line.split()[2] for line in lines] == told
    assert all(line.endswith("task=t-1 type=Noop tenant=acme") for line in lines)


def test_many_tasks_are_told_of_in_a_line_of_bounded_length(capsys: pytest.CaptureFixture[str]) -> None:
    some = task_log.Some()
    some.add(f"t-{number}" for number in range(1000))
    set_up_logging({"LOG_FORMAT": "json"})
    task_log.warn_of_many("changed from outside: gone now", type="Noop", tasks=some)
    entry = json.loads(capsys.readouterr().err)
    assert (entry["tasks"], entry["more"]) == (1000, 980)
    assert entry["ids"].split(",") == [f"t-{number}" for number in range(20)]


def test_a_server_that_is_away_is_told_of_when_it_goes_and_when_it_comes(capsys: pytest.CaptureFixture[str]) -> None:
    set_up_logging({})
    absence = Absence(logging.getLogger("broker"))
    for _ in range(2):
        absence.note_answer()
        for number in range(3):
            absence.note_error(ConnectionError(f"try {number}"), "leases are not renewed")
        absence.note_answer()
        lines = capsys.readouterr().err.splitlines()
        assert [line.partition(", after")[0] for line in lines] == [
            "WARNING broker Redis does not answer, leases are not renewed: try 0",
            "WARNING broker Redis answers again",
        ]


def test_details_are_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    set_up_logging({})
    logging.getLogger("broker").debug("detail")
    assert capsys.readouterr().err == ""
