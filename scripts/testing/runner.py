"""A worker of one thread, in the test's own process: claims a task by the product's scripts and runs its handler."""

import time
import uuid
from collections.abc import Callable, Mapping
from typing import Any

from broker.broker import Broker
from broker.engine.transitions import Claim, Claimed, Wait
from broker.errors import Postpone
from broker.worker import outcome
from broker.worker.child_state import ChildState
from broker.worker.handlers import load_handler
from broker.worker.outcome import Completed, Failed, Outcome, Postponed
from broker.worker.run import RunContext

#: What a handler is replaced by: its answer, or a function of its context.
Stub = Mapping[str, Any] | Callable[[Any], Any]
_NAME = "test"
#: No test runs for so long that somebody would have to renew a lease.
_LEASE_US, _TTL = 86_400_000_000, 86_400


class Runner:
    """Runs one task after another. No timeout ends a run: the alarm belongs to the test's own runner."""

    def __init__(self, broker: Broker, stubs: Mapping[str, Stub]) -> None:
        self._broker, self._stubs = broker, stubs
        self._group = ",".join(broker.types[name].known for name in sorted(broker.types))
        broker.transitions.register_worker(_NAME, ttl=_TTL, queues=",".join(sorted(broker.types)), fields={})

    def run_next(self, *, reraise: bool) -> str | Wait:
        """The id of the task that was run, or for how long none may start. ``reraise`` what its handler raises."""
        claim = Claim(_NAME, uuid.uuid4().hex, self._group, _LEASE_US)
        claimed = self._broker.transitions.claim(claim)
        if isinstance(claimed, Wait):
            return claimed
        ended, error = self._run(claimed, claim.execution)
        self._end(claimed.id, claim, ended)
        if error and reraise:
            raise error
        return claimed.id

    def _run(self, claimed: Claimed, execution: str) -> tuple[Outcome, Exception | None]:
        deadline = time.monotonic() + claimed.timeout
        context = RunContext(self._broker, ChildState(), claimed, execution, deadline)
        try:
            context.check_stored()
            answer = self._handler(claimed.queue.partition(":")[0])(context)
            return outcome.completed(answer, context.attached), None
        except Postpone as error:
            return outcome.raised(error, claimed.timeout, claimed.retry_count), None
        except Exception as error:  # what is none, such as pytest.fail, ends the test
            return outcome.raised(error, claimed.timeout, claimed.retry_count), error
        finally:
            context.close()

    def _handler(self, type_name: str) -> Callable[[Any], Any]:
        stub = self._stubs.get(type_name)
        if stub is None:
            return load_handler(self._broker.types[type_name])
        return stub if callable(stub) else lambda _: dict(stub)

    def _end(self, task_id: str, claim: Claim, ended: Outcome) -> None:
        store, then = self._broker.transitions, claim._replace(execution="")
        match ended:
            case Completed() as good:
                store.finish(task_id, claim.execution, good.result, then, good.media_id, good.info)
            case Failed() as bad:
                store.fail(task_id, claim.execution, bad.message, bad.traceback, bad.delay_us, then)
            case Postponed() as wait:
                store.postpone(task_id, claim.execution, wait.delay_us, then, background=wait.background)
