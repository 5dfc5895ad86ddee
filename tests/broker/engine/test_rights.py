"""Guards that the rights that the README gives a Redis user are enough for everything, and that ``check`` knows what
everything is.
"""

import re
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from redis import Redis

from broker.broker import Broker
from broker.config import BrokerSettings
from broker.daemon.audit import Audit
from broker.daemon.declare import Declare
from broker.daemon.libraries import Libraries
from broker.daemon.promote import Promote
from broker.daemon.prune import Prune
from broker.daemon.reap import Reap
from broker.doctor.doctor import doctor
from broker.doctor.server import check, server_findings
from broker.engine.connection import connect
from broker.engine.probe import needed
from broker.engine.script_connection import ScriptConnection
from broker.engine.transitions import Claim, Claimed
from broker.errors import Unavailable
from broker.media.records import MediaRecord
from broker.media.search import SearchRequest
from broker.task import NewTask
from broker.task_type import TaskType
from broker.webhooks.delivery import Deliveries
from tests.waiting import wait_until

pytestmark = pytest.mark.parametrize("redis", ["valkey"], indirect=True)

README = Path(__file__).parents[3] / "README.md"
#: What a client sends by itself when it connects.
BY_REDIS_PY = {
    "hello",
    "auth",
    "client|setinfo",
    "client|maint_notifications",
    "select",
    "acl|setuser",
    "config|resetstat",
}


def rights() -> list[str]:
    """The words of the README's line after the user's name."""
    found = re.search(r"^ACL SETUSER tasks on >PASSWORD (.+)$", README.read_text(), re.M)
    assert found, "the README has no line of rights"
    return found[1].split()


@pytest.fixture
def admin(redis: Redis) -> Iterator[Redis]:
    yield redis
    redis.execute_command("ACL", "DELUSER", "tasks")
    redis.execute_command("ACL", "LOG", "RESET")


def grant(admin: Redis, settings: BrokerSettings, words: list[str]) -> BrokerSettings:
    """Settings that come in as a user with these rights and no others."""
    admin.execute_command("ACL", "SETUSER", "tasks", "reset", "on", ">pass", *words)
    admin.execute_command("ACL", "LOG", "RESET")
    return replace(settings, redis_url=settings.redis_url.replace("//", "//tasks:pass@"), secret_key="a secret")


def test_they_are_enough_for_a_whole_life(
    admin: Redis, settings: BrokerSettings, types: dict[str, TaskType], capsys: pytest.CaptureFixture[str]
) -> None:
    settings = grant(admin, settings, rights())
    admin.config_resetstat()
    broker = Broker.connect(settings, types)
    broker.check_ready()
    _of_tasks(broker)
    _of_the_daemon(broker)
    _of_media_and_search(broker)
    doctor(broker, repair=True, wait=lambda _: None)
    check(broker)
    told = capsys.readouterr().out
    assert "lacks a right" not in told
    assert "must be a" not in told, "a key that is as it should be is called wrong"
    assert server_findings(broker)[0] == []
    assert admin.execute_command("ACL", "LOG") == []
    sent = {name.removeprefix("cmdstat_") for name in admin.info("commandstats")}
    assert {name.replace("|", " ") for name in sent - BY_REDIS_PY} <= set(needed()) | {"acl log", "function flush"}


def test_check_knows_what_the_sources_send(admin: Redis) -> None:
    receivers = r"\b_?(?:redis|reads|writes|asking|sending|replying|counted|connection)"
    sources = "\n".join(path.read_text() for path in (README.parent / "broker").rglob("*.py"))
    called = set(re.findall(rf"{receivers}\.([a-z]+)(?:_iter)?\(", sources))
    commands = {name.lower() for name in admin.command()}
    sent = (called & commands) - {"client", "eval", "evalsha"}  # redis-py's own, and the way without functions
    assert {"hgetall", "scan", "rename"} <= sent <= set(needed())


def _of_tasks(broker: Broker) -> None:
    tasks, store = broker.tasks, broker.transitions.on(ScriptConnection(connect(broker.settings.redis_url)))
    webhook, _ = broker.webhooks.create(
        "acme", {"url": "https://example.com/", "events": ["task.failed"], "enabled": True}
    )
    subscription = broker.live.subscribe("acme")
    heard = threading.Event()
    subscription.begin(lambda _: heard.set(), subscription.start)
    store.register_worker("w", ttl=30, queues="Noop,Other", fields={"pid": 1}, types="")
    ids = [task.id for task, _ in tasks.submit_many("acme", [NewTask("Noop", {})] * 5)]
    broker.idempotency.begin("acme", "/api/tasks", "key", "print")
    broker.idempotency.abandon("acme", "/api/tasks", "key")
    store.redis.blpop_first(broker.keys.wake("w"), 0.01)
    runs = [store.claim(_claim(f"x{number}")) for number in range(4)]
    assert all(isinstance(run, Claimed) for run in runs)
    store.renew([("w", ids[0], "x0", '{"percent":1}')], lease_us=5_000_000, worker_ttl=30)
    store.remember(ids[0], "x0", {"a": 1})
    assert store.finish(ids[0], "x0", "{}", _claim(""))[0] == "completed"
    assert store.fail(ids[1], "x1", "no", "", None, _claim(""))[0] == "failed"
    assert store.postpone(ids[2], "x2", 1, _claim(""))[0] == "scheduled"
    assert store.release("w", "x3", crashed=True, max_crashes=3)[0] == "pending"
    assert tasks.retry("acme", ids[1], force=True).status == "scheduled"
    assert tasks.cancel("acme", ids[4]).status == "cancelled"
    tasks.page("acme")
    tasks.stats("acme")
    tasks.wait("acme", ids[3], 0.01)
    wait_until(heard.is_set, "events are told")
    broker.live.missed(subscription, subscription.start, subscription.start)
    broker.live.stop()
    broker.queues.configure("Noop", rate=5, tenant="acme")
    broker.queues.list()
    broker.workers.list()
    store.unregister_worker("w", "Noop,Other")
    broker.webhooks.test("acme", webhook.id)
    broker.webhooks.rotate_secret("acme", webhook.id, 60)
    broker.webhooks.attempts("acme", webhook.id, 10, 0)
    broker.webhooks.all("acme")


def _claim(execution: str) -> Claim:
    return Claim("w", execution, "Noop,Other", 5_000_000)


def _of_the_daemon(broker: Broker) -> None:
    store, redis, keys, settings = broker.transitions, broker.redis, broker.keys, broker.settings
    # A library that nobody uses any more, of the kind that the daemon removes.
    for chore in (Declare(broker.queues), Promote(store), Reap(store, settings), Prune(store, redis, keys, settings),
                  Audit(redis, keys), Libraries(redis, keys)):  # fmt: skip
        chore.tick()
    deliveries = Deliveries(redis, keys)
    deliveries.fan_out()
    deliveries.claim(10, 10)
    deliveries.sweep()


def _of_media_and_search(broker: Broker) -> None:
    broker.media.page("acme", "video", 10, 0)
    record = MediaRecord("id", "acme", "image", "a.jpg", "image/jpeg", 1, "key", "")
    broker.tasks.submit("acme", NewTask("Noop", {}), media=record)
    broker.vectors.put("acme", "model", "image", "id", [b"1234"])
    assert len(list(broker.vectors.all("acme", "model"))) == 1
    assert broker.vectors.changes("acme", "model", broker.vectors.version("acme", "model"))
    broker.vectors.delete("acme", "id")
    broker.plugin_configs.write("acme", "checksum", {"a": 1})
    assert broker.plugin_configs.read("acme", "checksum") == {"a": 1}
    broker.plugin_configs.delete("acme", "checksum")
    broker.cooldowns.start("service", 1)
    assert broker.cooldowns.left("service") > 0
    stop = threading.Event()
    serving = threading.Thread(target=broker.search.serve, args=(lambda _: [], stop))
    serving.start()
    try:
        wait_until(lambda: broker.redis.exists(broker.keys.search_beat()), "search is there")
        assert broker.search.search(SearchRequest("acme", "a")) == []
    finally:
        stop.set()
        serving.join()


@pytest.mark.parametrize(
    ("without", "said"),
    [
        (["~rq"], r"the user lacks a right; .* ~rq ~rq:\* \(.*o permissions to access a key"),
        (["~rq:*"], r"the user lacks a right; .* ~rq ~rq:\* \(.*ACL failure in script"),
        (["+@scripting"], r"the user lacks a right; .* 'fcall'"),
        (["+time"], r"the user lacks a right; .* 'time'"),
        (["+@transaction"], r"the user may not run exec, multi: the README"),
        (["+info"], r"the user may not run info: the README"),
    ],
)
def test_check_says_which_is_missing(admin: Redis, settings: BrokerSettings, without: list[str], said: str) -> None:
    left = [word for word in rights() if word not in without]
    broker = Broker(grant(admin, settings, left), {})
    (refused, *_), _ = server_findings(broker)
    assert re.search(said, refused), refused
    if "~" in without[0] or "scripting" in without[0]:
        with pytest.raises(Unavailable):
            broker.check_ready()
