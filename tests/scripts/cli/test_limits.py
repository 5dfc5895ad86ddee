"""Limits from the terminal: shown, changed, and tried before they are changed."""

import json
import re

import pytest

from broker.broker import Broker
from broker.queues.state import Queue
from scripts.cli.outlook import rows
from scripts.cli.words import seconds_in
from tests.scripts.cli.conftest import Mindia, enlist
from tests.scripts.cli.test_tasks import submit

pytestmark = pytest.mark.usefixtures("nothing_kept")


def queue_of(broker: Broker) -> Queue:
    return next(queue for queue in broker.queues.list() if queue.type == "VideoTranscoding")


def test_limits_are_changed_and_lifted(mindia: Mindia, broker: Broker) -> None:
    assert mindia("limits", "VideoTranscoding", "--rate", 0.5, "--burst", 2, "--concurrency", 3).status == 0
    queue = queue_of(broker)
    assert (queue.rate, queue.burst, queue.concurrency) == (0.5, 2, 3)
    assert "rate                0.5\n" in mindia("limits", "VideoTranscoding").out
    assert mindia("limits", "VideoTranscoding", "--rate", "none").status == 0
    assert queue_of(broker).rate is None
    assert mindia("limits", "Nothing").status == 3


def test_caps_of_tenants_and_groups_and_rising_levels(mindia: Mindia) -> None:
    said = mindia(
        *("limits", "VideoTranscoding", "--tenant-rate", "0.25", "--tenant-burst", 2, "--tenant-concurrency", 3),
        *("--group-concurrency", 1, "--aging-seconds", "10m", "--json"),
    )
    queue = json.loads(said.out)
    names = ("tenant_rate", "tenant_burst", "tenant_concurrency", "group_concurrency", "aging_seconds")
    assert [queue[name] for name in names] == [0.25, 2, 3, 1, 600]
    lifted = mindia("limits", "VideoTranscoding", "--group-concurrency", "none", "--aging-seconds", "none").out
    assert "group_concurrency   no limit\n" in lifted
    assert "aging_seconds       never\n" in lifted
    assert "tenant_rate         0.25\n" in lifted


def test_a_change_is_tried_on_what_waits_and_not_made(mindia: Mindia, broker: Broker) -> None:
    enlist(broker)
    for _ in range(3):
        submit(broker)
    said = mindia("limits", "VideoTranscoding", "--rate", "0.001", "--burst", 1, "--dry-run")
    assert (said.status, said.err) == (0, "Nothing was changed.\n")
    heading, first, _, last = [re.split(r"  +", line.strip()) for line in said.out.splitlines()]
    assert heading == ["QUEUE", "TASKS", "STARTED", "BEFORE", "AFTER"]
    assert first[:3] == ["VideoTranscoding", "3", "half, within"]
    assert last[0] == "the last, after"
    before, after = (seconds_in(text.replace(" ", "")) for text in last[1:])
    assert before < 600 < 1900 < after < 3100  # three starts at one in 1,000 seconds
    assert queue_of(broker).rate is None
    paused = mindia("limits", "VideoTranscoding", "--set", "paused:=true", "--dry-run").out
    assert [line.split()[-1] for line in paused.splitlines()[1:]] == ["never"] * 3


def test_what_is_tried_is_told_to_programs_as_the_api_answers(mindia: Mindia, broker: Broker) -> None:
    submit(broker)
    words = ["limits", "VideoTranscoding", "--concurrency", 1, "--dry-run"]
    assert set(json.loads(mindia(*words, "--json").out)) == {"basis", "before", "after"}
    assert json.loads(mindia(*words, "--since", "1h", "--json").out)["basis"] == "recorded"


@pytest.mark.parametrize("words", [["--dry-run"], ["--rate", "1", "--since", "1h"], ["--aging-seconds", "soon"]])
def test_what_makes_no_sense_is_refused(mindia: Mindia, words: list[str]) -> None:
    said = mindia("limits", "VideoTranscoding", *words)
    assert (said.status, said.out) == (2, "")


def test_nothing_waits(mindia: Mindia) -> None:
    said = mindia("limits", "VideoTranscoding", "--rate", 1, "--dry-run")
    assert said == (0, "", "No task of VideoTranscoding to try it on. Nothing was changed.\n")
    assert mindia("limits", "Nothing", "--rate", 1, "--dry-run").status == 3


def test_other_types_are_told_where_it_makes_a_difference() -> None:
    def outlook(name: str, seconds: float | None) -> dict[str, object]:
        spans = {"p10": seconds, "p50": seconds, "p90": seconds} if seconds else None
        return {"type": name, "total": {"tasks": 2, "drained": spans, "wait": spans}}

    before = [outlook("A", 10.0), outlook("B", 20.0), outlook("C", 30.0)]
    after = [outlook("A", 10.0), outlook("B", 40.0), outlook("C", 30.0)]
    found = rows({"before": before, "after": after}, "A")
    assert [row[0] for row in found if row[0]] == ["A", "B"]
    assert found[-1] == ("", "", "the last, after", "20s", "40s")
