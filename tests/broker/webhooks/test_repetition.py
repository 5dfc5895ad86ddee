"""A client repeats a script when its reply was lost: what it did stays done once, and the answer is the same."""

from typing import Any

import pytest

from broker.actor import Actor, argument
from broker.engine.scripts import Script
from tests.broker.webhooks.post_office import PostOffice
from tests.broker.webhooks.receiver import Receiver

ARGUMENTS: dict[str, dict[str, Any]] = {
    "create_webhook": {"id": "new", "most": 20, "fields": ["url", "http://x/", "events", "task.failed", "enabled", 1]},
    "change_webhook": {"fields": ["enabled", 0]},
    "rotate_secret": {"secret": "whsec_bmV3", "overlap_us": 5},
    "send_test_event": {"event": "evt_test", "event_type": "webhook.test", "body": "{}"},
    "resend_delivery": {},
}


#: Those that the audit log is told of, once.
CHANGES = ("create_webhook", "change_webhook", "rotate_secret")


@pytest.mark.parametrize("name", ARGUMENTS)
def test_a_repeat_changes_nothing(office: PostOffice, receiver: Receiver, name: str) -> None:
    webhook = office.subscribe(receiver)
    office.finish()
    office.tick(receiver)
    values = {"prefix": "rq", "id": webhook.id, "tenant": "acme"} | ARGUMENTS[name]
    if name in CHANGES:
        values["actor"] = argument(Actor("a key", "acme"))
    if name == "resend_delivery":
        values["event"] = receiver.ids[0]
    script = Script(name, clock="clock_test")

    def run() -> Any:
        return script(office.engine.redis, **values)

    before = office.engine.state()
    first, once = run(), office.engine.state()
    assert once != before
    assert (run(), office.engine.state()) == (first, once)


def test_a_repeated_fan_out_finds_the_event_gone(office: PostOffice, receiver: Receiver) -> None:
    webhook = office.subscribe(receiver)
    office.finish()
    ((entry, _),) = office.engine.redis.xrange(office.engine.keys.outbox())
    values = {"prefix": "rq", "entry": entry, "event": "evt_1", "tenant": "acme", "event_type": "task.completed"}
    script = Script("fan_out", clock="clock_test")
    assert script(office.engine.redis, **values, task="task-1", body="{}") == 1
    once = office.engine.state()
    assert script(office.engine.redis, **values, task="task-1", body='{"other":1}') == -1
    assert office.engine.state() == once
    assert office.engine.redis.hget(office.engine.keys.delivery(webhook.id, "evt_1"), "body") == "{}"


def test_a_repeated_putting_aside_finds_the_event_gone(office: PostOffice, receiver: Receiver) -> None:
    office.subscribe(receiver)
    office.finish()
    ((entry, _),) = office.engine.redis.xrange(office.engine.keys.outbox())
    script = Script("put_aside", clock="clock_test")
    values = {"prefix": "rq", "entry": entry, "reason": "RecursionError"}
    assert script(office.engine.redis, **values) == 1
    once = office.engine.state()
    assert script(office.engine.redis, **values) == 0
    assert office.engine.state() == once
