"""Why a task waits, as the API says it: each reason in words, when it starts, and what would help."""

import json

import pytest

from broker.broker import Broker
from scripts.cli.waits import bill
from tests.gateway.work import complete, start
from tests.scripts.cli.conftest import Mindia, enlist
from tests.scripts.cli.test_tasks import submit

pytestmark = pytest.mark.usefixtures("nothing_kept")


def told(mindia: Mindia, task_id: str) -> list[tuple[str, str]]:
    """Names and values of what ``why`` says."""
    said = mindia("why", task_id)
    assert said.status == 0
    return [(line[:13].strip(), line[15:]) for line in said.out.splitlines()[1:]]


def test_nobody_works(mindia: Mindia, broker: Broker) -> None:
    found = dict(told(mindia, submit(broker)))
    assert found["waits because"] == "no_worker: No worker listens to VideoTranscoding."
    assert found["starts"]
    assert ("would help", "one more worker process for VideoTranscoding: else it does not start") in found.items()


def test_a_paused_queue_and_what_would_help(mindia: Mindia, broker: Broker) -> None:
    enlist(broker)
    task_id = submit(broker)
    mindia("pause", "VideoTranscoding")
    found = dict(told(mindia, task_id))
    assert found["waits because"] == "paused: VideoTranscoding is paused."
    assert found["would help"] == "resume VideoTranscoding: else it does not start"
    assert mindia("resume", "VideoTranscoding").status == 0
    assert dict(told(mindia, task_id))["waits because"].startswith("workers_busy: A worker is about to take it")


def test_behind_others_with_an_estimate(mindia: Mindia, broker: Broker) -> None:
    enlist(broker)
    submit(broker)
    start(broker)
    for _ in range(3):
        submit(broker)
    last = submit(broker)
    found = told(mindia, last)
    named = dict(found)
    assert named["waits because"].startswith("workers_busy: All 1 workers that listen to VideoTranscoding are busy.")
    assert named["position"] == "4 in its line, 3 expected to start before it"
    assert " to " in named["starts"]
    assert "likely in " in named["starts"]
    assert "likely in " in named["ends"]
    assert named["estimate"] == "from the durations that the types declare"
    helps = [value for name, value in found if name == "would help"]
    assert helps[0].startswith("one more worker process for VideoTranscoding: ")
    assert helps[0].endswith(" sooner")


def test_json_is_what_the_api_says(mindia: Mindia, broker: Broker) -> None:
    task_id = submit(broker)
    said = json.loads(mindia("why", task_id, "--json").out)
    assert (said["id"], said["status"], said["waiting"]["reason"]) == (task_id, "pending", "no_worker")
    assert set(said["waiting"]) == {
        *("reason", "detail", "until", "position", "ahead", "estimate", "no_estimate", "would_help")
    }


def test_what_is_put_off_and_what_depends(mindia: Mindia, broker: Broker) -> None:
    later = submit(broker, delay_seconds=3600)
    found = dict(told(mindia, later))
    assert found["waits because"].startswith("scheduled: It is due at ")
    assert "(in 1h)" in found["until"] or "(in 59m" in found["until"]
    depending = submit(broker, depends_on=(later,))
    found = dict(told(mindia, depending))
    assert found["waits because"] == "depends_on: It depends on 1 task that has not ended."
    assert found["after"] == later


def test_what_does_not_wait(mindia: Mindia, broker: Broker) -> None:
    submit(broker)
    done = complete(broker)
    assert "It does not wait: it was completed at " in mindia("why", done).out
    submit(broker)
    running, _ = start(broker)
    assert "It does not wait: it has been running for " in mindia("why", running.id).out


def test_the_bill_of_a_wait() -> None:
    waited = {"seconds": 41.5, "rate_limit": 30.0, "workers_busy": 11.5, "held": 0.0}
    assert bill({"waited": waited}) == [("waited", "42s: 30s rate_limit, 12s workers_busy")]
