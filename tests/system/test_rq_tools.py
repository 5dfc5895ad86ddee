"""Guards the promise that RQ's own tools work on a running system: `rq info` and rq-dashboard show real workers at
work, and what is changed there is done."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from broker.errors import NotFound
from scripts.dashboard.app import create_app
from scripts.dashboard.settings import DashboardSettings
from tests.broker.worker.harness import TENANT, Formation
from tests.servers import own_server
from tests.system.rq_command import rq

REGISTRIES = ("queued", "started", "finished", "failed", "scheduled", "canceled", "deferred")


@pytest.fixture
def formation(tmp_path: Path) -> Iterator[Formation]:
    """A daemon and a worker with one child."""
    with (
        own_server() as server,
        Formation(tmp_path, f"redis://127.0.0.1:{server.port}/0") as formation,
    ):
        formation.daemon()
        formation.worker()
        yield formation


@pytest.fixture
def dashboard(formation: Formation) -> FlaskClient:
    return create_app(DashboardSettings(formation.broker.settings.redis_url)).test_client()


@pytest.fixture
def tasks(formation: Formation) -> dict[str, str]:
    """One task in each state, by the name of its registry; the started one goes on until ``go`` is there."""
    ids = {"finished": formation.submit("answer"), "failed": formation.submit("fail", kind="permanent")}
    formation.until_status(ids["finished"], "completed")
    formation.until_status(ids["failed"], "failed")
    ids["started"] = formation.submit("hold", path=str(formation.file("go")))
    formation.until_started(ids["started"])
    ids["queued"] = formation.submit("answer", options={"priority": 3})
    ids["scheduled"] = formation.submit("answer", options={"delay_seconds": 3600})
    ids["canceled"] = formation.submit("answer")
    formation.broker.tasks.cancel(TENANT, ids["canceled"])
    return ids


def listed(dashboard: FlaskClient) -> dict[str, str]:
    """Registry by task, over all queues, as the dashboard's pages get it."""
    found: dict[str, str] = {}
    for queue in dashboard.get("/0/data/queues.json").get_json()["queues"]:
        for registry in REGISTRIES:
            answer = dashboard.get(f"/0/data/jobs/{queue['name']}/{registry}/50/asc/1.json")
            found |= {job["id"]: registry for job in answer.get_json()["jobs"]}
    return found


def at_work(dashboard: FlaskClient) -> list[str]:
    """The tasks that busy workers run; a run shows from its first heartbeat on."""
    workers = dashboard.get("/0/data/workers.json").get_json()["workers"]
    jobs = [worker["current_job"] for worker in workers if worker["state"] == "busy"]
    return [job["job_id"] for job in jobs if job != "idle"]


def test_rq_info_shows_queues_and_busy_workers(formation: Formation, tasks: dict[str, str]) -> None:
    lines = rq(formation, "info", "--raw").splitlines()
    assert any(line.startswith("queue Act:3 1") for line in lines), lines
    [worker] = [line for line in lines if line.startswith("worker")]
    assert " busy " in worker
    formation.file("go").touch()
    formation.until_status(tasks["started"], "completed")
    formation.until(lambda: " idle " in rq(formation, "info", "--raw", "--only-workers"), "the worker is seen idle")


def test_the_dashboard_lists_every_task_where_it_is(
    formation: Formation, dashboard: FlaskClient, tasks: dict[str, str]
) -> None:
    assert listed(dashboard) == {task: registry for registry, task in tasks.items()}
    formation.until(lambda: at_work(dashboard) == [tasks["started"]], "the dashboard shows who runs the task")
    failed = dashboard.get(f"/0/data/job/{tasks['failed']}.json").get_json()
    assert (failed["status"], failed["origin"]) == ("failed", "Act")
    assert "no luck" in failed["exc_info"]


def test_a_task_requeued_in_the_dashboard_runs_again(
    formation: Formation, dashboard: FlaskClient, tasks: dict[str, str]
) -> None:
    assert dashboard.post(f"/job/{tasks['failed']}/requeue").status_code == 200
    assert formation.task(tasks["failed"]).status == "pending"
    formation.file("go").touch()
    formation.until_started(tasks["failed"], attempt=2)
    formation.until_status(tasks["failed"], "failed")


def test_a_task_deleted_in_the_dashboard_is_gone(
    formation: Formation, dashboard: FlaskClient, tasks: dict[str, str]
) -> None:
    formation.exact_durations = False
    for registry in ("queued", "scheduled", "finished"):
        assert dashboard.post(f"/job/{tasks[registry]}/delete").status_code == 200
        with pytest.raises(NotFound):
            formation.task(tasks[registry])
    formation.file("go").touch()
    formation.until_status(tasks["started"], "completed")
    formation.until(lambda: formation.broker.tasks.page(TENANT).total == 3, "the lists no longer count them")
    assert formation.effects(tasks["queued"]) == []
