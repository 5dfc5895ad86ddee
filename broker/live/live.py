"""Live events: one thread reads the event streams of all tenants with listeners, and calls the listeners.

A tenant's events are recorded (``lua/include/events.lua``) while its mark in ``listeners`` lies in the future;
listening sets the mark and this thread renews it. All listeners of a process share one connection to Redis.
"""

import logging
import math
import threading
import time
from collections import defaultdict
from collections.abc import Iterable

from redis import Redis, RedisError

from broker.engine.connection import connect, redis_errors
from broker.engine.keys import Keys
from broker.engine.scripts import several_releases
from broker.engine.transitions import Transitions
from broker.errors import Unavailable
from broker.event import Event, from_entry, position
from broker.live.subscription import Audience, Subscription

log = logging.getLogger(__name__)

#: Seconds for which a tenant's events are recorded after its mark was last renewed.
_RECORDED = 300
#: Seconds between two renewals. Each also compares the stream's ends with what was read: the client reconnects
#: silently, so this is how a server that lost its data, or was replaced by one with less, is noticed.
_BETWEEN_MARKS = 5.0
#: How long one read blocks, in ms; a tenant whose first listener arrives meanwhile is included in the next read.
_BLOCK_MS = 100
#: Entries of a tenant in one read.
_BATCH = 500
#: Seconds until the next try when Redis does not answer.
_PAUSE = 0.2
#: Seconds for which another release's scripts remember who listens (``CACHED_US``); `listen` makes ours look again.
_REMEMBERED = 0.1
#: A client that has missed more events than this gets the present state instead of them.
MAX_MISSED = 2000


class Live:
    """The listeners of this process. The thread starts with the first, so that a process may fork before."""

    def __init__(self, url: str, keys: Keys, *, between_marks: float = _BETWEEN_MARKS) -> None:
        self._redis: Redis = connect(url)
        self._keys = keys
        self._store = Transitions(self._redis, keys)
        self._between_marks = between_marks
        self._tenants: dict[str, Audience] = {}
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._stopping = threading.Event()

    def subscribe(self, tenant: str, task_id: str = "") -> Subscription:
        """To one task of the tenant, or to all and its queues. Raises ``Unavailable``, also once stopped."""
        with redis_errors():
            last, first = self._store.listen(tenant, keep_us=_RECORDED * 1_000_000)
            if last == first and several_releases(self._redis):  # recording begins with this listener
                time.sleep(_REMEMBERED)
        with self._changed:
            if self.stopping:
                raise Unavailable("This server is about to stop; connect again.", retry_after=1)
            subscription = Subscription(tenant, task_id, last, self.remove)
            self._tenants.setdefault(tenant, Audience(last)).listeners[task_id].add(subscription)
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._read_on, name="live", daemon=True)
                self._thread.start()
            self._changed.notify_all()
        return subscription

    def missed(self, subscription: Subscription, last_id: str, until: str) -> list[Event] | None:
        """The events after ``last_id`` that concern this subscription; ``None`` if some are not kept any more."""
        stream = self._keys.events(subscription.tenant)
        with redis_errors():
            entries = self._redis.xrange(stream, min=f"({last_id}", max=until)
            first = self._redis.xrange(stream, count=1)  # read after the entries, so that a trim in between is noticed
        known = first and position(first[0][0]) <= position(last_id) <= position(until)
        events = [event for each in entries if (event := from_entry(*each)) and _concerns(event, subscription.task_id)]
        return events if known and len(events) <= MAX_MISSED else None

    def remove(self, subscription: Subscription) -> None:
        """Forgets a subscription."""
        with self._changed:
            tenant = self._tenants.get(subscription.tenant)
            if tenant is None or subscription not in tenant.listeners.get(subscription.task_id, ()):
                return
            tenant.listeners[subscription.task_id].remove(subscription)
            if not tenant.listeners[subscription.task_id]:
                del tenant.listeners[subscription.task_id]
            if not tenant.listeners:
                del self._tenants[subscription.tenant]

    def count(self) -> int:
        """How many listen."""
        with self._changed:
            return sum(len(tenant.everybody()) for tenant in self._tenants.values())

    @property
    def stopping(self) -> bool:
        """Whether ``stop`` was called: new subscriptions are refused."""
        return self._stopping.is_set()

    def stop(self) -> None:
        """Makes the reading thread send ``stopped`` to all listeners; returns at once, safe in a signal handler."""
        self._stopping.set()

    # the thread -------------------------------------------------------------------------------------------------

    def _read_on(self) -> None:
        marked = time.monotonic()
        while not self._stopping.is_set():
            tenants = self._wait_for_tenants()
            try:
                if time.monotonic() - marked >= self._between_marks:
                    self._mark(tenants)
                    marked = time.monotonic()
                self._read(tenants)
            except RedisError as error:
                if marked > -math.inf:
                    log.warning("live events wait for Redis: %s", error)
                marked = -math.inf  # renew at once when it is back: it may have lost data
                self._stopping.wait(_PAUSE)
            except Exception:
                log.exception("reading live events failed")
                self._stopping.wait(_PAUSE)
        self._tell_all([Event("stopped")])

    def _wait_for_tenants(self) -> dict[str, Audience]:
        with self._changed:
            self._changed.wait_for(lambda: self._tenants, timeout=1.0)
            return dict(self._tenants)

    def _mark(self, tenants: dict[str, Audience]) -> None:
        """Renews these tenants' marks. Listeners of a stream that lost entries before they were read get ``reset``."""
        for name, tenant in tenants.items():
            last, first = self._store.listen(name, keep_us=_RECORDED * 1_000_000)
            if position(first) > position(tenant.read) or position(last) < position(tenant.read):
                tenant.read = last
                self._tell(tenant, [Event("reset")])

    def _read(self, tenants: dict[str, Audience]) -> None:
        streams = {self._keys.events(name): tenant for name, tenant in tenants.items()}
        if not streams:
            return
        positions = {key: tenant.read for key, tenant in streams.items()}
        for key, entries in self._redis.xread(positions, count=_BATCH, block=_BLOCK_MS):
            self._hand_out(key, streams[key], entries)

    def _hand_out(self, key: str, tenant: Audience, entries: list[tuple[str, dict[str, str]]]) -> None:
        behind = len(entries) == _BATCH and self._redis.xrange(key, count=1)
        if behind and position(behind[0][0]) > position(tenant.read):  # trimmed before they were read
            self._tell(tenant, [Event("reset")])
        tenant.read = entries[-1][0]
        self._tell(tenant, [event for entry in entries if (event := from_entry(*entry))])

    def _tell(self, tenant: Audience, events: list[Event]) -> None:
        """Gives each listener the events that concern it, in order."""
        with self._changed:
            groups = {task_id: list(group) for task_id, group in tenant.listeners.items()}
        by_task: dict[str, list[Event]] = defaultdict(list)
        for event in events:
            for task_id in {event.task_id, ""} if event.kind not in ("reset", "stopped") else groups:
                if task_id in groups and _concerns(event, task_id):
                    by_task[task_id].append(event)
        for task_id, concerning in by_task.items():
            _tell_each(groups[task_id], concerning)

    def _tell_all(self, events: list[Event]) -> None:
        with self._changed:
            tenants = list(self._tenants.values())
        for tenant in tenants:
            self._tell(tenant, events)


def _concerns(event: Event, task_id: str) -> bool:
    """Whether a listener to that task ('' for all) gets the event. A task's own listeners get no ``attempt``: the
    ``status`` that follows says the same."""
    if event.kind in ("reset", "stopped") or not task_id:
        return True
    return event.task_id == task_id and event.kind != "attempt"


def _tell_each(subscriptions: Iterable[Subscription], events: list[Event]) -> None:
    for each in subscriptions:
        try:
            each.tell(events)
        except Exception:
            log.exception("a listener failed")
            each.close()
