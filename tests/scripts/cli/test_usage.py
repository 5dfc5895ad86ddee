"""What was used, and quotas, from the terminal."""

import json

import pytest

from broker.broker import Broker
from tests.gateway.work import complete
from tests.scripts.cli.conftest import Mindia
from tests.scripts.cli.test_tasks import submit

USED = "90000000 120000000 60000 1000000 2000 204800 0 0 0"


def test_usage_is_a_table_with_a_sum_and_how_quotas_stand(mindia: Mindia, broker: Broker) -> None:
    task_id = submit(broker)
    complete(broker, {}, used=USED)
    assert mindia("tenants", "set", "ops", "--quota", "waiting_tasks=5", "--quota", "uploads_per_day=none").status == 0
    said = mindia("usage", "--tenant", "ops")
    head, row, total = said.out.splitlines()
    assert head.split() == ["TYPE", "RUNS", "CPU", "RAN", "MEDIA", "READ", "WRITTEN", "PEAK"]
    assert row.split("  ")[0] == "VideoTranscoding"
    for line in (row, total):
        assert line.endswith("  1m 30s   2m     1m  1.0 MB   2.0 kB  210 MB")
    assert "waiting_tasks: 0 of 5" in said.err
    assert json.loads(mindia("usage", "--by", "day,type", "--json").out)["total"]["cpu_seconds"] == 90.0
    assert "1m 30s of processors, 210 MB at most" in mindia("show", task_id).out


def test_quotas_are_set_one_by_one(mindia: Mindia) -> None:
    assert mindia("tenants", "set", "acme", "--quota", "waiting_tasks=5").status == 0
    said = mindia("tenants", "set", "acme", "--quota", "stored_bytes=none", "--json")
    assert json.loads(said.out)["quotas"] == {"waiting_tasks": 5, "stored_bytes": None}
    assert "stored_bytes   none" in mindia("tenants", "show", "acme").out
    said = mindia("tenants", "set", "acme", "--quota", "waiting_tasks=default", "--json")
    assert json.loads(said.out)["quotas"] == {"stored_bytes": None}


@pytest.mark.parametrize("words", ["waiting_tasks", "waiting_tasks=many", "waiting_tasks=-1", "nonsense=1"])
def test_what_is_no_quota(mindia: Mindia, words: str) -> None:
    said = mindia("tenants", "set", "acme", "--quota", words)
    assert (said.status, said.out) == (2, "")
