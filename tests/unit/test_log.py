"""Guards the log: one line per event whatever is in it, as text or as JSON."""

import json
import logging
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from broker.log import set_up_logging


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


def test_details_are_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    set_up_logging({})
    logging.getLogger("broker").debug("detail")
    assert capsys.readouterr().err == ""
