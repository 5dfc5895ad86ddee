"""What the operator gives to whom, from the terminal: tenants, holds, and workers that come and go."""

import json
from uuid import uuid4

import pytest

from broker.broker import Broker
from tests.gateway.work import start
from tests.scripts.cli.conftest import Mindia, enlist
from tests.scripts.cli.test_tasks import submit


def test_what_is_not_named_of_a_tenant_stays(mindia: Mindia) -> None:
    assert mindia("tenants", "show", "acme").out == "acme\nweight  1\n"
    assert mindia("tenants", "set", "acme", "--weight", 2).status == 0
    words = ["tenants", "set", "acme", "--type", "VideoTranscoding"]
    assert mindia(*words, "--rate", "0.5", "--concurrency", "none").status == 0
    assert mindia(*words, "--burst", 3).out == (
        "acme\nweight            2\nVideoTranscoding  rate 0.5, burst 3, concurrency no limit\n"
    )
    said = json.loads(mindia(*words, "--rate", "type", "--json").out)
    assert said["caps"] == {"VideoTranscoding": {"rate": "type", "burst": 3, "concurrency": None}}
    assert json.loads(mindia("tenants", "set", "acme", "--reset", "--json").out) == {
        **{"name": "acme", "weight": 1.0, "caps": {}, "quotas": {}}
    }


@pytest.mark.parametrize(
    "words", [[], ["--rate", "1"], ["--type", "VideoTranscoding"], ["--type", "VideoTranscoding", "--rate", "fast"]]
)
def test_what_makes_no_sense_of_a_tenant(mindia: Mindia, words: list[str]) -> None:
    said = mindia("tenants", "set", "acme", *words)
    assert (said.status, said.out) == (2, "")


def test_work_is_put_aside_and_let_go(mindia: Mindia, broker: Broker) -> None:
    task_id = submit(broker, tags=("night",))
    submit(broker)
    hold_id = mindia("holds", "create", "the vendor is down", "--tag", "night", "-q").out.strip()
    assert "held: The operator has put it aside: the vendor is down." in mindia("why", task_id).out
    row = mindia("holds", "list").out.splitlines()[1]
    assert row.split()[:2] == [hold_id, "1"]
    assert row.endswith("tag night  the vendor is down")
    said = mindia("holds", "delete", hold_id, uuid4())
    assert (said.status, said.out) == (3, f"{hold_id}  let go\n")
    assert "put it aside" not in mindia("why", task_id).out
    assert mindia("holds", "list").err == "Nothing is put aside.\n"
    assert mindia("holds", "create", "everything").status == 2


def test_a_worker_is_drained(mindia: Mindia, broker: Broker) -> None:
    enlist(broker)
    enlist(broker, "another")
    task_id = submit(broker)
    start(broker)
    said = mindia("drain", "tester", "another", "nobody")
    assert said.status == 3
    assert said.out.splitlines() == [
        f"tester takes nothing more: it ends VideoTranscoding {task_id}",
        "another takes nothing more: it runs nothing",
    ]
    assert [line.split()[1:3] for line in mindia("workers").out.splitlines()[1:]] == [
        ["idle,", "draining"],
        ["busy,", "draining"],
    ]


@pytest.mark.usefixtures("nothing_kept")
def test_how_many_workers_are_wanted(mindia: Mindia, broker: Broker) -> None:
    enlist(broker)
    for _ in range(30):
        submit(broker)
    said = mindia("workers", "--wanted", "--objective", "1m")
    rows = {each.split()[0]: each.split()[1:] for each in said.out.splitlines()}
    there, wanted, reason = rows["VideoTranscoding"]
    assert (there, reason, said.err) == ("1", "backlog", "So that tasks start within 1m.\n")
    assert int(wanted) > 1
    assert f"VideoTranscoding {wanted}" in mindia("workers", "--wanted", "-q").out.splitlines()
    answer = json.loads(mindia("workers", "--wanted", "--json").out)
    assert answer["objective_seconds"] == 60
    assert mindia("workers", "--objective", "1m").status == 2


def test_none_of_it_is_a_tenants(mindia: Mindia, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MINDIA_KEY", "acme-key")
    for words in (
        *(["tenants", "show", "acme"], ["holds", "list"], ["workers", "--wanted"], ["drain", "tester"]),
        ["limits", "VideoTranscoding", "--rate", "1", "--dry-run"],
    ):
        said = mindia(*words)
        assert (said.status, said.out) == (4, ""), words
