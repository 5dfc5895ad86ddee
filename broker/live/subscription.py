"""Who listens for live events, and how each is told what is later than what it knows."""

import threading
from collections import defaultdict
from collections.abc import Callable

from broker.event import Event, position

#: Takes events in order; must not block. Called by the reading thread.
Sink = Callable[[list[Event]], None]


class Subscription:
    """Somebody's wish to be told what happens from now on. Until ``begin`` it only collects."""

    def __init__(self, tenant: str, task_id: str, start: str, on_close: Callable[["Subscription"], None]) -> None:
        self.tenant, self.task_id = tenant, task_id
        #: Where the tenant's events stood when it was made: everything later is collected.
        self.start = start
        self._on_close = on_close
        self._lock = threading.Lock()
        self._held: list[Event] = []
        self._sink: Sink | None = None
        self._after = position(start)

    def begin(self, sink: Sink, after: str) -> None:
        """From now on everything later than the event ``after`` goes to ``sink``, first what was collected."""
        with self._lock:
            self._after = position(after)
            self._sink = sink
            held, self._held = self._held, []
            self._pass_on(held)

    def tell(self, events: list[Event]) -> None:
        """For the reading thread."""
        with self._lock:
            if self._sink is None:
                self._held += events
            else:
                self._pass_on(events)

    def close(self) -> None:
        """Nothing is told any more; may be repeated."""
        self._on_close(self)

    def _pass_on(self, events: list[Event]) -> None:
        later = [event for event in events if event.place is None or event.place > self._after]
        if later and self._sink:
            self._sink(later)


class Audience:
    """How far a tenant's events are read, and who listens: by task, '' for all."""

    def __init__(self, read: str) -> None:
        self.read = read
        self.listeners: dict[str, set[Subscription]] = defaultdict(set)

    def everybody(self) -> list[Subscription]:
        return [each for group in self.listeners.values() for each in group]
