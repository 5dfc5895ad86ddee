"""Guards the disk: whatever ends a run, its folder does not stay, and nobody else's goes with it."""

import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from broker.scratch import PREFIX
from tests.broker.worker.harness import TENANT, Formation, Process, send
from tests.waiting import PATIENCE


def poured(formation: Formation, name: str = "never") -> tuple[str, Path]:
    """A task that runs, and the folder in which its program writes."""
    task_id = formation.submit("pour", path=str(formation.file(name)))
    told = formation.until(lambda: formation.effects(task_id, "scratch"), "scratch is used")
    return task_id, Path(told[0]["folder"])


def _sigterm(formation: Formation, worker: Process, _: str) -> None:
    worker.kill(signal.SIGTERM)
    worker.wait(PATIENCE)


def _killed_child(formation: Formation, worker: Process, task_id: str) -> None:
    send(formation.until_started(task_id)["pid"], signal.SIGKILL)


def _forced_cancel(formation: Formation, worker: Process, task_id: str) -> None:
    formation.broker.tasks.cancel(TENANT, task_id, force=True)


def _killed_tree_and_restart(formation: Formation, worker: Process, _: str) -> None:
    worker.kill_tree()
    worker.wait(PATIENCE)
    formation.worker()


@pytest.mark.parametrize("end", [_sigterm, _killed_child, _forced_cancel, _killed_tree_and_restart])
def test_no_folder_stays(
    end: Callable[[Formation, Process, str], None], formation_of: Callable[..., Formation]
) -> None:
    formation = formation_of(LEASE_SECONDS="2", DRAIN_SECONDS="0.3")
    worker = formation.worker()
    task_id, folder = poured(formation)
    assert folder.name.startswith(PREFIX)
    end(formation, worker, task_id)
    formation.until(lambda: not folder.exists(), "the folder is gone")


def test_a_folder_in_use_by_another_worker_stays(formation: Formation) -> None:
    formation.worker()
    task_id, folder = poured(formation, "go")
    other = formation.worker()
    formation.until(lambda: other.children, "the other worker is up")
    send(other.children[0], signal.SIGKILL)
    formation.until(lambda: "was ended by signal 9" in other.text, "it has swept")
    assert any(folder.iterdir())
    formation.file("go").touch()
    formation.until_status(task_id, "completed")
    assert not folder.exists()
