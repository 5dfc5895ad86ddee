"""What a child that died had in its hands: the runs and claims that nobody ends any more, and what the log says."""

import logging
import time
from dataclasses import dataclass
from typing import Any

from broker import scratch, task_log
from broker.trace import from_text
from broker.usage.used import Others, Used
from broker.worker.child_state import Run
from broker.worker.slot import Slot

log = logging.getLogger(__name__)

#: Why a child is killed that is not done when its worker has been told to stop: all is as it should be.
STOPS = "the worker stops; its task is handed back"


@dataclass(frozen=True, slots=True)
class Loss:
    """A run, or a claim, that its child cannot end any more."""

    worker: str
    execution: str
    #: What the child was at; the claim that was on its way to be answered may have been granted a task besides.
    run: Run
    #: The child died of itself, maybe by what the task did.
    crashed: bool
    message: str
    #: What the run has used.
    used: Used
    #: It was one of several, and nobody knows which of them has done that.
    apart: bool = False

    @property
    def told(self) -> str:
        """The same, as scripts take it; '' for what was only asked for."""
        return self.used.text(Others()) if self.run.task_id and self.execution == self.run.execution else ""


def reap_child(slot: Slot) -> list[Loss]:
    """What the dead child of this slot was at."""
    code, used = slot.reap()
    scratch.sweep()
    run, _ = slot.shared.read()
    if not code and not run.execution:
        return []  # it ended by itself, with nothing in its hands
    reason = f"was ended by signal {-code}" if code < 0 else f"ended with exit status {code}"
    level = logging.INFO if slot.kill_reason == STOPS else logging.WARNING
    log.log(level, "worker process %s %s%s", slot.name, reason, f": {slot.kill_reason}" if slot.kill_reason else "")
    message = f"The worker process running this task {reason}."
    members = slot.members(run)
    crashed = not slot.kill_reason

    def own(execution: str) -> Loss:
        died_in = crashed and execution == run.execution  # not in what it has been granted for afterwards
        alone = not members
        return Loss(slot.name, execution, run, died_in and alone, message, used, apart=died_in and not alone)

    return [
        Loss(worker, execution, Run(execution=execution), False, message, Used(), apart=crashed)
        for worker, _, execution in members
    ] + [own(each) for each in (run.next_execution, run.execution) if each]


def tell_loss(loss: Loss, outcome: str, task_id: str) -> None:
    """Says what became of it, by the outcome of release.lua."""
    run = loss.run if loss.run.task_id == task_id else Run(task_id=task_id)
    if loss.apart:
        warn("its process died, with others in hand: runs again, alone", loss.worker, run, error=loss.message)
    elif not loss.crashed:
        task_log.tell("handed back", **_facts(loss.worker, run))
    elif outcome == "pending":
        warn("its process died: runs again", loss.worker, run, error=loss.message)
    else:
        warn("its process died: failed, it was not the first", loss.worker, run, error=loss.message)


def warn(what: str, worker: str, run: Run, **more: str) -> None:
    """In the tasks' log, of a run that its child did not end."""
    task_log.warn(what, **_facts(worker, run), **more)


def _facts(worker: str, run: Run) -> dict[str, Any]:
    known = {"attempt": run.attempt, "duration": round(time.monotonic() - run.started, 6)} if run.started else {}
    return {
        "task": run.task_id,
        "type": run.type,
        "tenant": run.tenant,
        "worker": worker,
        **known,
        **from_text(run.trace).facts(),
    }
