"""Several tasks of one type that a child works on together: each a run of its own in all but the time of the work.

Each has its token, lease, execution, log and end. What cannot be done together is run alone, one after another: who was
prepared too late, whoever asks for it, and all of them when the common work fails.
"""

import logging
import time
from collections import defaultdict
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import partial
from typing import Any, NamedTuple

from broker.broker import Broker
from broker.context import Batch, Handler, OfMedia
from broker.engine.transitions import Claim, Claimed, Finish
from broker.errors import Postpone, TaskTimeout
from broker.media.records import MediaStore
from broker.trace import NONE, from_text
from broker.worker import alarm, outcome
from broker.worker.child_state import ChildState
from broker.worker.outcome import Completed, Outcome
from broker.worker.run import RunContext, execute
from broker.worker.run_log import RunLog

log = logging.getLogger(__name__)

#: Seconds of a batch after which nothing more is prepared.
_PREPARING = 1.0


class Ended(NamedTuple):
    """How the run of a member ended, and the seconds that were its own."""

    claim: Claim
    claimed: Claimed
    context: RunContext
    outcome: Outcome
    seconds: float

    def finish(self, used: str) -> Finish | None:
        """Its good end, if it is one."""
        if not isinstance(good := self.outcome, Completed):
            return None
        claim, task_id = self.claim, self.claimed.id
        return Finish(claim.worker, task_id, claim.execution, good.result, used, good.media_id, good.info)


class _Quiet(ChildState):
    """What the contexts of a batch write to: the memory has room for the progress of one."""

    def __init__(self, shared: ChildState) -> None:
        self._shared = shared

    def write_progress(self, text: str) -> None:
        pass

    def write_pids(self, pids: list[int]) -> None:
        self._shared.write_pids(pids)

    @property
    def stop_asked(self) -> bool:
        return self._shared.stop_asked


class Member:
    """One of them."""

    def __init__(self, claimed: Claimed, claim: Claim, timeout: float) -> None:
        self.claimed, self.claim, self.timeout = claimed, claim, timeout
        self.trace = from_text(claimed.trace).next_hop() if claimed.trace else NONE
        self.outcome: Outcome | None = None
        self.prepared: Any = None
        self.seconds = 0.0
        self._secrets: list[str] = []
        self._lines = 0

    def make_context(self, broker: Broker, shared: ChildState, said: RunLog) -> RunContext:
        """Anew for each try, as a handler expects."""
        self._said = said

        def conceal(secrets: Iterable[str]) -> None:
            self._secrets += secrets
            said.conceal(self._secrets)

        deadline = time.monotonic() + self.timeout
        self.context = RunContext(broker, shared, self.claimed, self.claim.execution, deadline, conceal)
        return self.context

    def speaks(self, type_name: str, call: Callable[[], Any]) -> Any:
        """What ``call`` answers; what is said meanwhile is said by this run, and the time is its own."""
        claimed, began = self.claimed, time.monotonic()
        self._said.begin(claimed.id, type_name, claimed.tenant, claimed.runs, self.trace, self._lines)
        if self._secrets:
            self._said.conceal(self._secrets)
        try:
            return call()
        finally:
            self._lines = self._said.end()
            self.seconds += time.monotonic() - began

    def ended(self) -> Ended:
        assert self.outcome
        return Ended(self.claim, self.claimed, self.context, self.outcome, self.seconds)

    def attempt(self, type_name: str, step: Callable[[], Any]) -> Any:
        """What a step of it answers; ``None`` when it fails, and how is its outcome."""

        def timed() -> Any:
            try:
                alarm.start(max(0.001, self.context.seconds_left()))
                answer = step()
                alarm.stop()
            except BaseException as error:
                alarm.stop()
                self.outcome = outcome.raised(error, self.timeout, self.claimed.retry_count)
                return None
            return answer

        return self.speaks(type_name, timed)


def work(
    members: list[Member], type_name: str, batch: Batch, handler: Callable[[], Handler], tools: "Tools"
) -> Iterable[list[Ended]]:
    """Runs all of them; yields those that have ended together, even if none has, then one by one who was run alone.

    The first of them is the last, and by itself.
    """
    for member in members:
        member.make_context(tools.broker, _Quiet(tools.shared), tools.said)
    _together(members, type_name, batch, tools.broker.media)
    first, *others = members
    ended, left = [each for each in others if each.outcome], [each for each in others if not each.outcome]
    for member in members:
        member.context.close()
    yield [each.ended() for each in ended]
    for member in (*left, first):
        if member.outcome is None:
            context = member.make_context(tools.broker, tools.shared, tools.said)
            run = partial(execute, handler, context, member.timeout, member.claimed.retry_count)
            member.outcome = member.speaks(type_name, run)
        yield [member.ended()]


class Tools(NamedTuple):
    """Of the child."""

    broker: Broker
    shared: ChildState
    said: RunLog


def _together(members: list[Member], type_name: str, batch: Batch, media: MediaStore) -> None:
    """Leaves an outcome with each that has ended, and none with those that are to be run alone."""
    began = time.monotonic()
    if isinstance(batch, OfMedia):
        _read_records(members, batch, media)
    for member in members:
        if time.monotonic() - began < _PREPARING:
            member.prepared = member.attempt(type_name, partial(_prepared, member.context, batch))
    ready = [each for each in members if each.prepared is not None]
    if not ready:
        return
    since = time.monotonic()
    computed = _computed(batch, ready)
    part = (time.monotonic() - since) / len(ready)
    for member, each in zip(ready, computed, strict=False):
        member.seconds += part
        member.attempt(type_name, partial(_finished, member, batch, each))


def _read_records(members: list[Member], batch: OfMedia, media: MediaStore) -> None:
    """What is not found here, each run asks for by itself, and says what is wrong."""
    wanted: defaultdict[str, dict[str, RunContext]] = defaultdict(dict)
    for member in members:
        with suppress(Exception):
            wanted[member.context.tenant][batch.media_of(member.context.payload)] = member.context
    for tenant, contexts in wanted.items():
        with suppress(Exception):
            for media_id, record in media.get_many(tenant, list(contexts)).items():
                contexts[media_id].known_media[media_id] = record


def _prepared(context: RunContext, batch: Batch) -> Any:
    context.check_stored()
    return batch.prepare(context) if batch.joins(context.payload) else None


def _computed(batch: Batch, ready: list[Member]) -> list[Any]:
    """Nothing, when it fails or takes longer than the first of them may run."""
    try:
        alarm.start(max(0.001, min(each.context.seconds_left() for each in ready)))
        computed = list(batch.compute([each.prepared for each in ready]))
        alarm.stop()
    except BaseException as error:
        alarm.stop()
        if not isinstance(error, Exception | TaskTimeout | Postpone):
            raise
        log.warning("%d tasks are run alone: their common work failed", len(ready), exc_info=True)
        return []
    return computed if len(computed) == len(ready) else []


def _finished(member: Member, batch: Batch, computed: Any) -> None:
    answer = batch.finish(member.context, member.prepared, computed)
    member.outcome = outcome.completed(answer, member.context.attached)
