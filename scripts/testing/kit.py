"""What a test does with the system: submits, has the tasks run, moves the clock, and asks what happened."""

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from broker.broker import Broker
from broker.engine.transitions import Wait
from broker.task import NewTask, Task
from broker.tasks.task_filters import Wanted
from scripts.testing.clock import Clock
from scripts.testing.runner import Runner, Stub
from scripts.testing.webhooks import Webhooks

#: A suite that runs more in one go has a handler that submits itself for ever.
_MOST_RUNS = 10_000


class Kit:
    """The system of one test. ``url`` and ``key`` are those of its gateway."""

    def __init__(self, broker: Broker, tenant: str, url: str, key: str, monkeypatch: Any) -> None:
        self.broker, self.tenant, self.url, self.key = broker, tenant, url, key
        self.clock = Clock(broker.redis, monkeypatch)
        self.webhooks = Webhooks(broker, tenant)
        self._stubs: dict[str, Stub] = {}
        self._runner = Runner(broker, self._stubs)
        self._inline, self._reraise = False, False
        self._lock = threading.RLock()

    # doing ------------------------------------------------------------------------------------------------------

    def submit(self, type: str, payload: Mapping[str, Any] | None = None, **options: Any) -> Task:
        """A task, as ``POST /api/tasks`` accepts it. ``options`` are those of ``broker.task.NewTask``.

        Inline it has run when this returns. Raises ``InvalidInput`` and the like.
        """
        task, _ = self.broker.tasks.submit(self.tenant, NewTask(type, dict(payload or {}), **options))
        self.after_a_change()
        return self.task(task.id)

    def drain(self, *, scheduled: bool = False, reraise: bool = False) -> list[Task]:
        """Runs what may start now, and what follows from it, until nothing may; returns what was run, as it is then.

        ``scheduled`` runs what is due later too: it moves the clock from one such moment to the next, and so brings
        retries to their end. ``reraise`` what a handler raises; its task has failed as it would have otherwise. Then
        webhooks are delivered.
        """
        ran: dict[str, None] = {}
        with self._lock:
            for _ in range(_MOST_RUNS):
                found = self._step(reraise=reraise)
                if isinstance(found, str):
                    ran[found] = None
                elif not (scheduled and self._move_on(found)):
                    break
            else:
                raise RuntimeError(f"{_MOST_RUNS} runs, and still something waits: does a handler submit itself?")
            self.webhooks.deliver()
        found_tasks = self.broker.tasks.get_many(self.tenant, list(ran))
        return [found_tasks[task_id] for task_id in ran if task_id in found_tasks]

    @contextmanager
    def inline(self, *, reraise: bool = False) -> Iterator[None]:
        """Inside, what is submitted has run when the call returns, over HTTP too; ``reraise`` is for ``submit``."""
        before = self._inline, self._reraise
        self._inline, self._reraise = True, reraise
        try:
            yield
        finally:
            self._inline, self._reraise = before

    def stub(self, type: str, handler: Stub) -> None:
        """In this test the type's handler is another: a function of the context, or the answer itself."""
        if type not in self.broker.types:
            raise ValueError(f"there is no task type {type!r}; there are {', '.join(self.broker.types)}")
        self._stubs[type] = handler

    # asking -----------------------------------------------------------------------------------------------------

    def task(self, task_id: str) -> Task:
        """One task as it is now. Raises ``NotFound``."""
        return self.broker.tasks.get(self.tenant, task_id)

    def submitted(
        self, type: str | None = None, payload: Mapping[str, Any] | None = None, **members: Any
    ) -> list[Task]:
        """The tasks of this test, oldest first: of a type, whose payload has these members, and which have others
        (``group="user 7"``, ``priority=3``, ``status="failed"``)."""
        kind = Wanted(types=(type,)) if type else Wanted()
        page = self.broker.tasks.page(self.tenant, kind, limit=100)
        found = list(page.tasks)
        while len(found) < page.total:
            found += self.broker.tasks.page(self.tenant, kind, limit=100, offset=len(found)).tasks
        wanted = dict(payload or {})
        return [
            each
            for each in reversed(found)
            if wanted.items() <= each.payload.items()
            and all(getattr(each, name) == value for name, value in members.items())
        ]

    def assert_submitted(
        self, type: str, payload: Mapping[str, Any] | None = None, *, times: int | None = None, **members: Any
    ) -> Task:
        """The first such task; fails where there is none, or not so many, with what there is."""
        __tracebackhide__ = True
        found = self.submitted(type, payload, **members)
        if not found or (times is not None and len(found) != times):
            wanted = "at least one" if times is None else str(times)
            raise AssertionError(f"{len(found)} such tasks, not {wanted}; submitted were:\n{self._listed()}")
        return found[0]

    def assert_nothing_submitted(self, type: str | None = None) -> None:
        """Fails where there is a task, of the type if one is named."""
        __tracebackhide__ = True
        if self.submitted(type):
            raise AssertionError(f"submitted were:\n{self._listed()}")

    # for the plugin ---------------------------------------------------------------------------------------------

    def after_a_change(self) -> None:
        """Runs what waits, if that is wanted at once."""
        if self._inline:
            self.drain(reraise=self._reraise and threading.current_thread() is threading.main_thread())

    def _step(self, *, reraise: bool) -> str | Wait:
        while self.broker.transitions.promote()[0]:
            pass
        while self.broker.transitions.settle():
            pass
        return self._runner.run_next(reraise=reraise)

    def _move_on(self, wait: Wait) -> bool:
        """To the next moment at which something may start; whether there is one."""
        _, due_us = self.broker.transitions.promote()
        moments = [each for each in (due_us, wait.us) if each > 0]
        if moments:
            self.clock.tick(min(moments) / 1_000_000)
        return bool(moments)

    def _listed(self) -> str:
        shown = [f"  {each.type} {each.payload} ({each.status})" for each in self.submitted()]
        return "\n".join(shown) or "  nothing"
