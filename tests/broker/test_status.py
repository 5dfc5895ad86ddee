"""Guards that our words for states and RQ's are in one-to-one relation, that RQ has no state we do not know, and that
the command line and the page, which know the API alone, tell of the same.
"""

import re
from pathlib import Path

from rq.job import JobStatus

from broker.event import from_entry
from broker.status import RQ_STATUS, TERMINAL, WAITING, Status
from broker.tasks.flows import from_event
from scripts.cli import status as cli

ROOT = Path(__file__).parents[2]

#: States that none of our tasks is ever in: ours have no dependencies and no limits of RQ's own.
NEVER = {JobStatus.DEFERRED, JobStatus.STOPPED, JobStatus.CREATED, JobStatus.READY_TO_ENQUEUE, JobStatus.RATE_LIMITED}


def test_every_word_of_ours_is_one_of_rqs() -> None:
    assert {JobStatus(word) for word in RQ_STATUS.values()} == set(JobStatus) - NEVER
    assert RQ_STATUS.keys() == set(Status)


def test_ends() -> None:
    assert set(Status) - {"pending", "scheduled", "processing"} == TERMINAL


def test_the_command_line_knows_the_same() -> None:
    assert tuple(Status) == cli.STATUSES
    assert cli.ENDED == TERMINAL
    assert cli.STYLES.keys() >= set(Status)


def test_the_page_knows_the_same() -> None:
    text = (ROOT / "gateway" / "page" / "static" / "parts" / "status.js").read_text()
    told = dict(re.findall(r"^  (\w+): \{\n    (tone: .*),$", text, re.M))
    assert tuple(told) == tuple(Status)
    assert {status for status, facts in told.items() if "waits: true" in facts} == WAITING
    assert {status for status, facts in told.items() if "ends: true" in facts} == TERMINAL


def test_a_stored_event_of_a_release_that_knew_fewer_states_can_still_be_read() -> None:
    told = {"flow": "f", "created_at": "then", "ended_at": "later", "completed": "2", "failed": "1"}
    assert from_event(told).by_status == dict.fromkeys(Status, 0) | {"completed": 2, "failed": 1}
    event = from_entry("1-0", {"kind": "flow", **told})
    assert event and event.fields
    assert event.fields.keys() == {"flow", "created_at", "ended_at", "total", "by_status"}
    assert (event.fields["total"], event.fields["by_status"]["completed"]) == (3, 2)
