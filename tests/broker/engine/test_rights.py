"""Guards that the rights of a Redis user are enough, those of one for everything and those of each process, which
``python -m broker acl`` prints; and that ``check`` knows what is needed.
"""

import re
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from redis import Redis

from broker.access.api_keys import NewKey
from broker.access.audit_log import Wanted
from broker.access.records import tenant_id
from broker.access.scopes import Scope
from broker.actor import Actor
from broker.broker import Broker
from broker.config import BrokerSettings
from broker.daemon.declare import Declare
from broker.daemon.libraries import Libraries
from broker.daemon.promote import Promote
from broker.daemon.prune import Prune
from broker.daemon.reap import Reap
from broker.daemon.reconcile import Reconcile
from broker.daemon.regenerate import Regenerate
from broker.doctor.acl import CHECKED
from broker.doctor.doctor import doctor
from broker.doctor.server import check, server_findings
from broker.engine.connection import connect
from broker.engine.probe import needed
from broker.engine.rights import PROCESSES, acl
from broker.engine.script_connection import ScriptConnection
from broker.engine.transitions import Claim, Claimed
from broker.errors import Unavailable
from broker.levels import BACKGROUND
from broker.media.parts import Part
from broker.media.records import MediaRecord
from broker.search.found import Found
from broker.search.request import SearchRequest
from broker.task import NewTask
from broker.task_type import TaskType
from broker.tasks.submission import options
from broker.webhooks.delivery import Deliveries
from scripts.dashboard import plain_pickle
from scripts.dashboard.app import create_app
from scripts.dashboard.settings import DashboardSettings
from tests.waiting import wait_until

pytestmark = pytest.mark.parametrize("redis", ["valkey"], indirect=True)

ROOT = Path(__file__).parents[3]
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
    """Of one user for everything but the dashboard, as docs/redis.md says: the commands of two lines together."""
    lines = dict(acl("rq"))
    return list(dict.fromkeys(f"{lines['web']} {lines['broker']}".split()))


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
    _live(dict.fromkeys(PROCESSES, broker))
    told = capsys.readouterr().out
    assert "lacks a right" not in told
    assert "must be a" not in told, "a key that is as it should be is called wrong"
    assert server_findings(broker)[0] == []
    assert admin.execute_command("ACL", "LOG") == []
    sent = {name.removeprefix("cmdstat_") for name in admin.info("commandstats")}
    assert sent - BY_REDIS_PY <= set(needed()) | {"acl|log", "function|flush"}


def test_each_process_needs_no_more_than_its_own(
    admin: Redis,
    settings: BrokerSettings,
    types: dict[str, TaskType],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(plain_pickle, "install", lambda: None)  # it would hold for all tests that follow
    as_themselves = {}
    for process, words in acl("rq"):
        admin.execute_command("ACL", "SETUSER", process, "reset", "on", ">pass", *words.split())
        url = settings.redis_url.replace("//", f"//{process}:pass@")
        as_themselves[process] = Broker(replace(settings, redis_url=url, secret_key="a secret"), types)
    as_themselves["broker"].queues.declare()
    admin.execute_command("ACL", "LOG", "RESET")
    _live(as_themselves)
    _of_the_dashboard(as_themselves["dashboard"], as_themselves["web"])
    denied = [(entry["username"], entry["object"]) for entry in admin.acl_log()]
    for process in PROCESSES:
        admin.acl_deluser(process)
    assert denied == []
    assert "lacks a right" not in capsys.readouterr().out


def _live(brokers: dict[str, Broker]) -> None:
    """All that each process does, by its own connections."""
    for process in CHECKED:
        brokers[process].check_ready()
        assert server_findings(brokers[process], process)[0] == []
    _of_tasks(brokers["web"], brokers["worker"])
    _of_the_daemon(brokers["broker"])
    _of_media_and_search(brokers)
    doctor(brokers["broker"], repair=True, wait=lambda _: None)
    check(brokers["broker"])


def _of_the_dashboard(dashboard: Broker, web: Broker) -> None:
    page = create_app(DashboardSettings(dashboard.settings.redis_url)).test_client()
    job = web.tasks.submit("acme", NewTask("Noop", {}))[0].id
    for path in ("/", "/0/data/queues.json", "/0/data/jobs/Noop/queued/50/asc/1.json", f"/0/data/job/{job}.json",
                 "/0/data/workers.json"):  # fmt: skip
        assert page.get(path).status_code == 200
    assert page.post(f"/job/{job}/delete").status_code == 200


def test_check_knows_what_the_sources_send(admin: Redis) -> None:
    receivers = r"\b_?(?:redis|reads|writes|asking|sending|replying|counted|connection)"
    sources = "\n".join(path.read_text() for path in (ROOT / "broker").rglob("*.py"))
    called = set(re.findall(rf"{receivers}\.([a-z]+)(?:_iter)?\(", sources))
    commands = {name.lower() for name in admin.command()}
    sent = (called & commands) - {"client"}  # redis-py's own
    assert {"hgetall", "scan", "rename"} <= sent <= set(needed())


def test_a_users_line_has_its_process_commands_and_no_more(redis: Redis) -> None:
    lines = dict(acl("{tasks}"))
    assert lines["worker"].startswith("~{tasks} ~{tasks}:* -@all +blpop ")
    assert "function|delete" in lines["broker"] and "function|delete" not in lines["web"] + lines["worker"]
    for word in (" +flushall", " +flushdb", " +config", " +keys", " +shutdown", " +acl", " +@"):
        assert word not in lines["web"] + lines["broker"] + lines["worker"] + lines["search"]
    assert "~{tasks}:* " not in lines["search"] + lines["dashboard"]


def _of_tasks(broker: Broker, worker: Broker) -> None:
    tasks, store = broker.tasks, worker.transitions.on(ScriptConnection(connect(worker.settings.redis_url)))
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
    helper = b"{}", options("Noop", BACKGROUND, 0, 60)
    assert store.share_work(ids[0], "x0", work="w", helper=helper, bounds=0, ids=[], parts=["a"]) == []
    assert store.take_part(ids[0], "x0", lead=ids[0], work="w", most=1) == (["a"], 0)
    assert store.end_part(ids[0], "x0", lead=ids[0], part="a", done=True)
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
    broker.queues.configure("Noop", rate=5, by=Actor("k", "acme"))
    _of_access(broker)
    broker.queues.list()
    broker.workers.list()
    store.unregister_worker("w", "Noop,Other")
    broker.webhooks.test("acme", webhook.id)
    broker.webhooks.rotate_secret("acme", webhook.id, 60)
    broker.webhooks.attempts("acme", webhook.id, 10, 0)
    broker.webhooks.all("acme")


def _of_access(broker: Broker) -> None:
    keys, me = broker.api_keys, Actor("k", "acme")
    key, text = keys.create(NewKey("acme", "a key", frozenset(Scope)), me)
    found = keys.identify(text)
    assert found and keys.valid([found.credential]) == {found.credential}
    keys.note_use(found)
    assert keys.tenant_name(tenant_id("acme")) == "acme"
    keys.rotate(key.id, 60, me)
    assert keys.page(limit=10, offset=0)[1] == 1
    keys.revoke(key.id, me)
    broker.audit_log.note(me, "doctor.repaired", "a place")
    assert len(broker.audit_log.page(Wanted(), limit=10)[0]) == 5


def _claim(execution: str) -> Claim:
    return Claim("w", execution, "Noop,Other", 5_000_000)


def _of_the_daemon(broker: Broker) -> None:
    store, redis, keys, settings = broker.transitions, broker.redis, broker.keys, broker.settings
    # A library that nobody uses any more, of the kind that the daemon removes.
    for chore in (Declare(broker.queues), Promote(store), Reap(store, settings), Prune(store, redis, keys, settings),
                  Reconcile(redis, keys), Libraries(redis, keys)):  # fmt: skip
        chore.tick()
    deliveries = Deliveries(redis, keys)
    deliveries.fan_out()
    deliveries.claim(10, 10)
    deliveries.sweep()


def _of_generations(brokers: dict[str, Broker], media_id: str) -> None:
    web, daemon, worker, searcher = (brokers[name] for name in ("web", "broker", "worker", "search"))
    for generation in ("model", "another"):
        worker.vectors.put("acme", generation, "image", media_id, [b"1234"])
        daemon.redis.hset(daemon.keys.worker("of " + generation), mapping={"state": "idle", "makes": f"{generation}\n"})
        daemon.redis.sadd(daemon.keys.workers(), daemon.keys.worker("of " + generation))
        assert daemon.generations.want() == generation
        while step := daemon.generations.step("acme", limit=10, most=10, keep_seconds=0):
            if step.files:
                daemon.generations.settle("acme", generation, media_id, step.handed_us, "no picture")
            if not step.more:
                break
    Regenerate(daemon.redis, daemon.keys, daemon.generations, daemon.tasks, 7).tick()
    assert searcher.generations.standing("acme", "model").total == 1
    assert searcher.generations.in_use() == {"model", "another"}
    assert searcher.generations.location("model") == ""
    assert web.generations.progress("acme").total == 1
    daemon.redis.srem(daemon.keys.workers(), *(daemon.keys.worker(f"of {each}") for each in ("model", "another")))
    daemon.redis.delete(*(daemon.keys.worker(f"of {each}") for each in ("model", "another")))


def _of_media_and_search(brokers: dict[str, Broker]) -> None:
    web, worker, searcher = brokers["web"], brokers["worker"], brokers["search"]
    web.media.page("acme", "video", 10, 0)
    media_id = "5b0f1c1e-8a3e-4f0e-9a55-0b7d5f1d2c3a"
    record = MediaRecord(media_id, "acme", "image", "a.jpg", "image/jpeg", 1, "key", "")
    web.tasks.submit("acme", NewTask("Noop", {}), media=record)
    assert worker.media.get("acme", media_id).filename == "a.jpg"
    worker.vectors.put("acme", "model", "image", media_id, [b"1234"], [Part("label", "a cat")])
    assert len(list(searcher.vectors.all("acme", "model"))) == 1
    assert searcher.vectors.parts("acme", "model", [media_id]) == {media_id: (Part("label", "a cat"),)}
    assert searcher.vectors.changes("acme", "model", searcher.vectors.version("acme", "model"))
    assert searcher.media.get("acme", media_id).filename == "a.jpg"
    web.vectors.delete("acme", media_id)
    _of_generations(brokers, media_id)
    web.plugin_configs.write("acme", "checksum", {"a": 1})
    assert worker.plugin_configs.read("acme", "checksum") == {"a": 1}
    web.plugin_configs.delete("acme", "checksum")
    worker.cooldowns.start("service", 1)
    assert worker.cooldowns.left("service") > 0
    web.media_removal.delete("acme", "image", media_id, by=Actor("k", "acme"))
    stop = threading.Event()
    serving = threading.Thread(target=searcher.search_server.serve, args=(lambda _: Found([], 0), stop))
    serving.start()
    try:
        wait_until(lambda: web.redis.exists(web.keys.search_beat()), "search is there")
        assert web.search.search(SearchRequest("acme", "a")).hits == []
    finally:
        stop.set()
        serving.join()


@pytest.mark.parametrize(
    ("without", "said"),
    [
        (["~rq"], r"the user lacks a right; .*~rq ~rq:\* \(.*o permissions to access a key"),
        (["~rq:*"], r"the user lacks a right; .*~rq ~rq:\* \(.*ACL failure in script"),
        (["+fcall"], r"the user lacks a right; .* 'fcall'"),
        (["+time"], r"the user lacks a right; .* 'time'"),
        (["+exec", "+multi"], r"the user may not run exec, multi: python -m broker acl"),
        (["+info"], r"the user may not run info: python -m broker acl"),
    ],
)
def test_check_says_which_is_missing(admin: Redis, settings: BrokerSettings, without: list[str], said: str) -> None:
    left = [word for word in rights() if word not in without]
    broker = Broker(grant(admin, settings, left), {})
    (refused, *_), _ = server_findings(broker)
    assert re.search(said, refused), refused
    if "~" in without[0] or "fcall" in without[0]:
        with pytest.raises(Unavailable):
            broker.check_ready()
