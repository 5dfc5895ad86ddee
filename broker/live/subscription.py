"""Subscriptions to live events; each gets only events that are later than the state it was given."""

import threading
from collections import defaultdict
from collections.abc import Callable
from contextlib import suppress

from broker.event import Event, position

#: Takes events in order; must not block. Called by the reading thread.
Sink = Callable[[list[Event]], None]


class Subscription:
    """One listener's subscription to the events from now on. Until ``begin`` is called they are buffered."""

    def __init__(self, tenant: str, task_id: str, start: str, on_close: Callable[["Subscription"], None]) -> None:
        self.tenant, self.task_id = tenant, task_id
        #: The id of the tenant's last event when the subscription was made; all later ones are buffered.
        self.start = start
        self._on_close = on_close
        self._lock = threading.Lock()
        self._held: list[Event] = []
        self._sink: Sink | None = None
        self._at_close: list[Callable[[], None]] = []
        self._after = position(start)

    def begin(self, sink: Sink, after: str) -> None:
        """From now on every event later than ``after`` goes to ``sink``, the buffered ones first."""
        with self._lock:
            self._after = position(after)
            self._sink = sink
            held, self._held = self._held, []
            self._pass_on(held)

    def tell(self, events: list[Event]) -> None:
        """Called by the reading thread."""
        with self._lock:
            if self._sink is None:
                self._held += events
            else:
                self._pass_on(events)

    def at_close(self, act: Callable[[], None]) -> None:
        """Has it done, once, when nothing is told any more."""
        self._at_close.append(act)

    def close(self) -> None:
        """Ends the subscription; may be repeated."""
        self._on_close(self)
        with suppress(IndexError):
            while True:
                self._at_close.pop()()

    def _pass_on(self, events: list[Event]) -> None:
        later = [event for event in events if event.place is None or event.place > self._after]
        if later and self._sink:
            self._sink(later)


class Audience:
    """A tenant's listeners by task id ('' for all tasks), and the id of the last event that was read for them."""

    def __init__(self, read: str) -> None:
        self.read = read
        self.listeners: dict[str, set[Subscription]] = defaultdict(set)

    def everybody(self) -> list[Subscription]:
        return [each for group in self.listeners.values() for each in group]
