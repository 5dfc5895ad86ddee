"""What handlers say, on the terminal."""

import json

from broker.broker import Broker
from tests.gateway import work
from tests.gateway.test_logs import say
from tests.scripts.cli.conftest import Mindia, Start
from tests.scripts.cli.test_tasks import submit
from tests.waiting import PATIENCE


def test_what_was_said(mindia: Mindia, broker: Broker) -> None:
    task_id = submit(broker)
    assert mindia("logs", task_id).err == "It has said nothing.\n"
    say(broker, task_id, "one", "it broke\n  in line 3", "\x1b]0;mine\x07")
    say(broker, task_id, "again", attempt=2)
    told = mindia("logs", task_id)
    assert told.status == 0
    lines = told.out.splitlines()
    said = [each.rpartition("  ")[2] for each in lines]
    assert said == [
        "one",
        "it broke",
        "in line 3",
        lines[3].rpartition("  ")[2],
        "again",
    ]
    assert "\x1b" not in told.out
    assert " #2  " in lines[-1]
    told = mindia("logs", task_id, "--attempt", 2, "--json")
    assert [json.loads(each)["id"] for each in told.out.splitlines()] == ["2-1"]


def test_more_than_one_page(mindia: Mindia, broker: Broker) -> None:
    task_id = submit(broker)
    say(broker, task_id, *map(str, range(1500)))
    assert mindia("logs", task_id, "-q").out.splitlines() == [f"1-{number}" for number in range(1, 1501)]


def test_it_is_followed_to_its_end(start: Start, broker: Broker) -> None:
    task_id = submit(broker)
    claimed, claim = work.start(broker)
    assert claimed.id == task_id
    say(broker, task_id, "one")
    program = start("logs", task_id, "--follow")
    assert program.stdout and program.stderr
    assert program.stdout.readline().endswith("  one\n")
    say(broker, task_id, "two", first=2)
    assert program.stdout.readline().endswith("  two\n")
    broker.transitions.finish(task_id, claim.execution, "{}", claim._replace(execution=""))
    assert program.stdout.readline() == ""
    assert program.stderr.read() == "The task is completed.\n"
    assert program.wait(PATIENCE) == 0


def test_there_is_no_such_task(mindia: Mindia) -> None:
    assert mindia("logs", "00000000-0000-4000-8000-000000000000").status == 3
