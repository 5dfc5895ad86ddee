"""Guards tasks that a real child works on together: each ends as if it were alone, whatever becomes of the others."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from broker.task import Task
from tests.broker.worker.harness import Formation
from tests.waiting import PATIENCE


def submit(formation: Formation, values: Sequence[Any], *, timeout: int = 60, until: Path | None = None) -> list[str]:
    """Tasks that wait before there is a worker."""
    more = {"until": str(until)} if until else {}
    options = {"timeout_seconds": timeout}
    return [formation.submit("answer", type="Joint", options=options, value=value, **more) for value in values]


def ended(formation: Formation, ids: Sequence[str]) -> list[Task]:
    return [formation.until_status(each, "completed", "failed", "cancelled") for each in ids]


def test_they_are_worked_on_together_and_told_of_one_by_one(formation: Formation) -> None:
    ids = submit(formation, range(8))
    formation.worker()
    tasks = ended(formation, ids)
    assert [task.result for task in tasks] == [{"together": 8, "value": value} for value in range(8)]
    assert len({line["pid"] for line in formation.effects(what="finish")}) == 1
    for task in tasks:
        lines = formation.broker.task_logs.page(task.id).lines
        assert [line.message for line in lines] == ["prepared", "finished"]
    assert all(task.usage for task in tasks[1:]), "the first may be told of later, as any short run"


def test_one_that_is_bad_fails_alone(formation: Formation) -> None:
    ids = submit(formation, ["a", "bad", "c"])
    formation.worker()
    good, bad, other = ended(formation, ids)
    assert (bad.status, bad.error, bad.retry_count) == ("failed", "This one is bad.", 0)
    assert (good.result, other.result) == ({"together": 2, "value": "a"}, {"together": 2, "value": "c"})


def test_one_that_is_run_alone_holds_up_none_of_the_others(formation: Formation) -> None:
    go = formation.file("go")
    first = submit(formation, ["first"])[0]
    alone = formation.submit("hold", type="Joint", path=str(go))
    other = submit(formation, ["other"])[0]
    formation.worker()
    formation.until_status(other, "completed")
    assert formation.task(alone).status == "processing"
    go.touch()
    assert {each.status for each in ended(formation, [first, alone])} == {"completed"}


def test_who_is_run_alone_has_used_what_it_took_and_the_others_nothing_of_it(formation: Formation) -> None:
    (go := formation.file("go")).touch()
    submit(formation, ["first"])
    burnt = formation.submit("burn", type="Joint", seconds=1.0)
    program = formation.submit("work", type="Joint", seconds=0.4, mib=1)
    light = [formation.submit("hold", type="Joint", path=str(go)), *submit(formation, ["other"])]
    formation.worker()
    used = {task.id: (task.usage or {}).get("cpu_seconds", 0.0) for task in ended(formation, [burnt, program, *light])}
    assert used[program] >= 0.4
    assert used[burnt] > 4 * max(used[each] for each in light)


def test_what_spoils_the_common_work_has_all_run_alone(formation: Formation) -> None:
    ids = submit(formation, ["a", "spoils", "c"])
    formation.worker()
    tasks = ended(formation, ids)
    assert [(task.status, task.result, task.attempts) for task in tasks] == [
        ("completed", value, []) for value in ("a", "spoils", "c")
    ]


def test_whoever_takes_too_long_has_the_others_run_alone(formation: Formation) -> None:
    ids = submit(formation, ["a", "b"], timeout=1, until=formation.file("never"))
    formation.worker()
    assert [(task.result, task.retry_count) for task in ended(formation, ids)] == [("a", 0), ("b", 0)]


def test_a_death_counts_only_against_the_task_that_dies_alone(formation: Formation) -> None:
    ids = submit(formation, ["a", "deadly", "c"])
    formation.worker()
    tasks = ended(formation, ids)
    assert [task.status for task in tasks] == ["completed"] * 3, "alone, it has done no harm"
    assert {formation.field(each, "alone") for each in ids} == {"1"}
    assert {formation.field(each, "crashes") for each in ids} == {None}
    assert len(formation.effects(ids[1], "start")) == 1


def test_a_cancelled_one_ends_and_the_others_go_on(formation: Formation) -> None:
    go = formation.file("go")
    ids = submit(formation, "abc", until=go)
    formation.worker(LEASE_SECONDS=2)
    formation.until(lambda: len(formation.effects(what="prepare")) == 3, "all are prepared")
    beaten = [formation.field(each, "last_heartbeat") for each in ids]
    formation.broker.tasks.cancel("acme", ids[1], force=True)
    formation.until(
        lambda: all(formation.field(each, "last_heartbeat") not in (None, "", last)
                    for each, last in ((ids[0], beaten[0]), (ids[2], beaten[2]))),
        "leases are renewed",
    )  # fmt: skip
    go.touch()
    tasks = ended(formation, ids)
    assert [task.status for task in tasks] == ["completed", "cancelled", "completed"]
    assert len({line["pid"] for line in formation.effects(what="prepare")}) == 1
    assert len(formation.effects(what="prepare")) == 3


@pytest.mark.parametrize("number", [15, 9])
def test_a_worker_that_goes_hands_all_of_them_back(formation: Formation, number: int) -> None:
    ids = submit(formation, "abcd", until=formation.file("go"))
    worker = formation.worker(DRAIN_SECONDS=1, LEASE_SECONDS=2)
    formation.until(lambda: len(formation.effects(what="prepare")) == 4, "all are prepared")
    if number == 9:
        worker.kill_tree()
        formation.daemon(LEASE_SECONDS=2)
    else:
        worker.kill(number)
    worker.wait(PATIENCE)
    for each in ids:
        formation.until_status(each, "pending")
    assert {formation.field(each, "crashes") for each in ids} == {None}
    formation.file("go").touch()
    formation.worker()
    assert [task.status for task in ended(formation, ids)] == ["completed"] * 4
