"""Events reach their endpoints: signed, in order, once if all goes well, and again until it does."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from unittest.mock import Mock

import pytest
from redis import ConnectionError, Redis

from broker.engine.keys import Keys
from broker.errors import NotFound
from broker.webhooks.retries import PATIENCE, SCHEDULE
from broker.webhooks.signing import new_secret
from tests.broker.engine.engine import SECOND, Engine, at
from tests.broker.webhooks.post_office import ENDS, PostOffice, bodies_by_id
from tests.broker.webhooks.receiver import Receiver, status

NewReceiver = Callable[[], Receiver]
ALL = ["task.processing", *ENDS]


class TestWhatIsSent:
    def test_an_event_is_signed_and_tells_the_task_as_its_detail_does(
        self, office: PostOffice, receiver: Receiver
    ) -> None:
        office.subscribe(receiver)
        task_id = office.finish()
        then = office.engine.task(task_id).detail()
        office.tick(receiver)
        (request,) = receiver.requests
        assert json.loads(request.body) == {"type": "task.completed", "timestamp": at(0), "data": then}
        assert request.headers["webhook-timestamp"] == str(office.engine.now // SECOND)
        assert request.headers["content-type"] == "application/json"
        assert "." not in request.headers["webhook-id"]
        assert task_id in request.headers["webhook-id"]
        office.tick(receiver, seconds=7 * 86_400)
        assert len(receiver.requests) == 1

    def test_a_delivery_is_a_hop_of_the_trace_that_submitted_the_task(
        self, office: PostOffice, receiver: Receiver
    ) -> None:
        office.subscribe(receiver)
        engine, trace_id = office.engine, "4bf92f3577b34da6a3ce929d0e0e4736"
        parent = f"00-{trace_id}-00f067aa0ba902b7-01"
        for trace in (f"r-1\n{parent}\na=1", "r-2", ""):
            engine.submit(trace=trace)
            engine.finish(engine.start())
        office.tick(receiver)
        names = ("x-request-id", "traceparent", "tracestate")
        first, second, third = ([each.headers.get(name) for name in names] for each in receiver.requests)
        assert first == ["r-1", first[1], "a=1"]
        assert first[1] and first[1].startswith(f"00-{trace_id}-")
        assert first[1] != parent
        assert second == ["r-2", None, None]
        assert third == [None, None, None]
        told = json.loads(receiver.requests[0].body)["data"]["trace"]
        assert told == {"request_id": "r-1", "traceparent": parent, "tracestate": "a=1"}

    def test_every_end_and_every_start_is_told_to_who_wants_it(
        self, office: PostOffice, new_receiver: NewReceiver
    ) -> None:
        everything, ends, failures = new_receiver(), new_receiver(), new_receiver()
        for each, events in ((everything, ALL), (ends, ENDS), (failures, ["task.failed"])):
            office.subscribe(each, events)
        engine = office.engine
        for _ in range(3):
            engine.submit()
        engine.finish(engine.start())
        engine.fail(engine.start())
        engine.store.cancel("task-3", "acme", force=False)
        office.tick(everything, ends, failures)

        def told(receiver: Receiver) -> list[tuple[str, str]]:
            bodies = [json.loads(each.body) for each in receiver.requests]
            return [(each["type"], each["data"]["id"]) for each in bodies]

        finished = [("task.completed", "task-1"), ("task.failed", "task-2"), ("task.cancelled", "task-3")]
        starts = [("task.processing", "task-1"), ("task.processing", "task-2")]
        assert told(ends) == finished
        assert sorted(told(everything)) == sorted(starts + finished)
        assert told(failures) == finished[1:2]

    def test_the_body_is_the_task_as_it_was_even_when_it_lives_on(self, office: PostOffice, receiver: Receiver) -> None:
        office.subscribe(receiver)
        office.engine.submit()
        office.engine.fail(office.engine.start())
        office.engine.retry("task-1")
        office.tick(receiver)
        assert json.loads(receiver.requests[0].body)["data"]["status"] == "failed"

    def test_another_tenants_tasks_are_not_told(self, office: PostOffice, receiver: Receiver) -> None:
        office.subscribe(receiver)
        office.finish(tenant="rival")
        office.tick(receiver)
        assert receiver.requests == []

    def test_a_rotated_secret_signs_beside_the_former_one_until_the_overlap_is_over(
        self, office: PostOffice, receiver: Receiver
    ) -> None:
        webhook = office.subscribe(receiver)
        former = office.secrets[receiver.url]
        secret, until = office.webhooks.rotate_secret("acme", webhook.id, 3600)
        assert (secret != former, until) == (True, at(3600))
        office.finish()
        office.tick(receiver)  # verified by the former secret
        office.secrets[receiver.url] = secret
        office.verified.clear()
        office.verify(receiver)
        office.engine.advance(3600)
        office.finish()
        office.tick(receiver)
        assert [each.headers["webhook-signature"].count("v1,") for each in receiver.requests] == [2, 1]

    def test_a_test_event_is_sent_whatever_the_endpoint_wants_and_once(
        self, office: PostOffice, receiver: Receiver
    ) -> None:
        webhook = office.subscribe(receiver, ["task.failed"])
        receiver.behaviour = status(500)
        event = office.webhooks.test("acme", webhook.id)
        office.tick(receiver)
        office.tick(receiver, seconds=86_400)
        (request,) = receiver.requests
        assert (request.headers["webhook-id"], json.loads(request.body)["type"]) == (event, "webhook.test")
        (attempt,) = office.log(webhook)
        assert (attempt.event_id, attempt.task_id, attempt.next_attempt_at) == (event, None, None)


class TestRetries:
    def test_the_schedule_is_five_seconds_to_three_days_with_one_id_and_one_body(
        self, office: PostOffice, receiver: Receiver
    ) -> None:
        webhook = office.subscribe(receiver)
        receiver.behaviour = status(500)
        office.finish()
        office.tick(receiver)
        for number, usual in enumerate(SCHEDULE, 1):
            pause = office.until_next(webhook)
            assert 0.8 * usual <= pause <= 1.2 * usual + 0.01
            office.tick(receiver, seconds=pause - 0.01)
            assert len(receiver.requests) == number
            receiver.behaviour = status(204) if number == len(SCHEDULE) else status(500)
            office.tick(receiver, seconds=0.01)
            assert len(receiver.requests) == number + 1
        assert [len(bodies) for bodies in bodies_by_id(receiver).values()] == [1]
        assert len({each.headers["webhook-timestamp"] for each in receiver.requests}) == len(receiver.requests)
        log = office.log(webhook)
        assert [each.attempt for each in log] == list(range(1, 11))
        assert [each.status_code for each in log] == [500] * 9 + [204]
        assert (log[0].error, log[-1].error, log[-1].next_attempt_at) == ("It answered 500.", None, None)

    @pytest.mark.parametrize("code", [301, 302, 307, 400, 404, 429, 500, 503])
    def test_everything_but_success_is_tried_again(self, office: PostOffice, receiver: Receiver, code: int) -> None:
        webhook = office.subscribe(receiver)
        receiver.behaviour = status(code, Location="http://169.254.169.254/")
        office.finish()
        office.tick(receiver)
        assert office.log(webhook)[-1].status_code == code
        receiver.behaviour = status(202)
        office.tick(receiver, seconds=office.until_next(webhook))
        assert [each.status_code for each in office.log(webhook)] == [code, 202]

    @pytest.mark.parametrize(("wish", "seconds"), [("120", 120), ("99999999999", 86_400), ("nonsense", 5), ("-1", 5)])
    def test_retry_after_is_obeyed_within_reason(
        self, office: PostOffice, receiver: Receiver, wish: str, seconds: float
    ) -> None:
        webhook = office.subscribe(receiver)
        receiver.behaviour = status(429, Retry_After=wish)
        office.finish()
        office.tick(receiver)
        assert office.until_next(webhook) == pytest.approx(seconds, rel=0.21)
        assert office.until_next(webhook) >= seconds * 0.8

    def test_retry_after_may_be_a_date_and_holds_for_every_event(self, office: PostOffice, receiver: Receiver) -> None:
        webhook = office.subscribe(receiver)
        when = datetime.fromtimestamp(office.engine.now / SECOND, UTC) + timedelta(seconds=90)
        receiver.behaviour = status(503, Retry_After=format_datetime(when, usegmt=True))
        office.finish()
        office.tick(receiver)
        assert office.until_next(webhook) == pytest.approx(90, abs=1.1)
        office.finish()
        office.tick(receiver, seconds=60)
        assert len(receiver.requests) == 1

    def test_given_up_after_the_last_and_sent_again_on_its_owners_word(
        self, office: PostOffice, new_receiver: NewReceiver
    ) -> None:
        broken = new_receiver()
        webhook = office.subscribe(broken)
        broken.behaviour = status(500)
        office.finish()
        office.tick(broken)
        for _ in SCHEDULE[:-1]:
            office.tick(broken, seconds=office.until_next(webhook))
        broken.behaviour = status(204)  # a sign of life meanwhile, or the endpoint would be disabled
        office.webhooks.test("acme", webhook.id)
        office.tick(broken)
        broken.behaviour = status(500)
        office.tick(broken, seconds=86_400 * 1.2)
        assert office.log(webhook)[-1].next_attempt_at is None
        office.tick(broken, seconds=30 * 86_400)
        assert len(broken.requests) == len(SCHEDULE) + 2
        broken.behaviour = status(204)
        event = broken.ids[0]
        office.webhooks.resend("acme", webhook.id, event)
        office.tick(broken)
        assert broken.ids[-1] == event
        assert len(bodies_by_id(broken)[event]) == 1

    def test_an_event_that_waits_for_its_next_try_goes_at_once_when_its_owner_says_so(
        self, office: PostOffice, receiver: Receiver
    ) -> None:
        webhook = office.subscribe(receiver)
        receiver.behaviour = status(503)
        office.finish()
        office.tick(receiver)
        receiver.behaviour = status(204)
        office.webhooks.resend("acme", webhook.id, receiver.ids[0])
        office.tick(receiver)
        office.tick(receiver, seconds=86_400)
        assert len(receiver.requests) == 2


class TestDisabling:
    def test_gone_is_gone(self, office: PostOffice, receiver: Receiver) -> None:
        webhook = office.subscribe(receiver)
        receiver.behaviour = status(410)
        office.finish()
        office.tick(receiver)
        found = office.webhooks.get("acme", webhook.id)
        assert (found.enabled, found.disabled_reason) == (False, "It answered 410 Gone.")
        office.finish()
        office.tick(receiver, seconds=86_400)
        assert len(receiver.requests) == 1

    def test_failing_for_three_days_is_too_long(self, office: PostOffice, receiver: Receiver) -> None:
        webhook = office.subscribe(receiver)
        receiver.behaviour = status(500)
        since = office.engine.now
        office.finish()
        office.tick(receiver)
        while office.webhooks.get("acme", webhook.id).enabled:
            assert office.engine.now < since + 1.2 * PATIENCE * SECOND
            office.tick(receiver, seconds=office.until_next(webhook))
        assert office.engine.now >= since + 0.8 * PATIENCE * SECOND
        found = office.webhooks.get("acme", webhook.id)
        assert found.disabled_reason == f"Every attempt has failed since {at(0)}; the last one: It answered 500."
        assert found.failing_since == at(0)

    def test_enabled_again_it_gets_what_was_owed_and_not_what_happened_meanwhile(
        self, office: PostOffice, receiver: Receiver
    ) -> None:
        webhook = office.subscribe(receiver)
        receiver.behaviour = status(500)
        owed = office.finish()
        office.tick(receiver)
        office.webhooks.change("acme", webhook.id, {"enabled": False})
        office.finish()
        receiver.behaviour = status(204)
        office.tick(receiver, seconds=86_400)
        assert len(receiver.requests) == 1
        changed = office.webhooks.change("acme", webhook.id, {"enabled": True})
        assert (changed.enabled, changed.failing_since) == (True, None)
        office.tick(receiver)
        later = office.finish()
        office.tick(receiver)
        told = [json.loads(each.body)["data"]["id"] for each in receiver.requests]
        assert told == [owed, owed, later]

    def test_nothing_piles_up_for_endpoints_that_do_not_listen(self, office: PostOffice, receiver: Receiver) -> None:
        webhook = office.subscribe(receiver)
        office.finish()
        office.webhooks.change("acme", webhook.id, {"enabled": False})
        office.finish()
        assert office.engine.redis.xlen(office.engine.keys.outbox()) == 1
        office.tick(receiver)
        assert office.engine.redis.xlen(office.engine.keys.outbox()) == 0
        office.webhooks.change("acme", webhook.id, {"enabled": True})
        office.webhooks.delete("acme", webhook.id)
        office.finish()
        assert office.engine.redis.xlen(office.engine.keys.outbox()) == 0

    def test_a_deleted_endpoint_leaves_nothing(self, office: PostOffice, receiver: Receiver) -> None:
        webhook = office.subscribe(receiver, ALL)
        for _ in range(3):
            office.finish()
        office.tick(receiver)
        receiver.behaviour = status(500)
        for _ in range(300):
            office.finish()
        office.tick(receiver)
        office.webhooks.delete("acme", webhook.id)
        for _ in range(10):
            office.deliveries.sweep()
        office.tick(receiver, seconds=86_400)
        assert [key for key in office.engine.state().values if "webhook" in key] == []
        assert office.engine.state().values.get(office.engine.keys.listeners()) is None


class TestOrder:
    def test_a_tasks_later_event_waits_for_its_earlier_one_and_other_tasks_do_not(
        self, office: PostOffice, receiver: Receiver
    ) -> None:
        webhook = office.subscribe(receiver, ALL)
        receiver.behaviour = status(500)
        first = office.finish()
        office.tick(receiver)
        pause = office.until_next(webhook)
        receiver.behaviour = status(204)
        second = office.finish()
        office.tick(receiver)
        office.tick(receiver, seconds=pause)
        told = [(json.loads(each.body)["data"]["id"], json.loads(each.body)["type"]) for each in receiver.requests]
        assert told == [
            (first, "task.processing"),
            (second, "task.processing"),
            (second, "task.completed"),
            (first, "task.processing"),
            (first, "task.completed"),
        ]

    def test_endpoints_take_turns(self, office: PostOffice, new_receiver: NewReceiver) -> None:
        busy, other = new_receiver(), new_receiver()
        office.subscribe(busy)
        for _ in range(5):
            office.finish()
        office.deliveries.fan_out()
        office.engine.advance(1)
        office.subscribe(other)
        office.finish()
        office.deliveries.fan_out()
        office.engine.advance(1)
        urls = [office.deliveries.claim(1, 4)[0].url for _ in range(3)]
        assert urls == [busy.url, other.url, busy.url]


class TestBounds:
    def test_the_log_and_what_can_be_sent_again_are_bounded(self, office: PostOffice, receiver: Receiver) -> None:
        webhook = office.subscribe(receiver)
        for _ in range(1005):
            office.finish()
        office.tick(receiver)
        assert len(receiver.requests) == 1005
        attempts, total = office.webhooks.attempts("acme", webhook.id, 10, 5)
        assert (len(attempts), total) == (10, 1000)
        assert attempts[0].event_id in receiver.ids[-30:]
        events = [key for key in office.engine.state().values if ":event:" in key]
        assert len(events) == 1000

    def test_large_events_are_kept_for_a_shorter_time(self, office: PostOffice, receiver: Receiver) -> None:
        webhook = office.subscribe(receiver)
        for _ in range(20):
            office.engine.submit(payload=json.dumps({"text": "x" * 1_000_000}))
            office.engine.finish(office.engine.start())
            office.tick(receiver)
        events = [key for key in office.engine.state().values if ":event:" in key]
        assert len(events) == 16
        for event in receiver.ids[-2:]:
            office.webhooks.resend("acme", webhook.id, event)
        office.tick(receiver)
        with pytest.raises(NotFound):
            office.webhooks.resend("acme", webhook.id, receiver.ids[0])

    def test_an_endpoint_that_is_owed_too_much_is_disabled(self, office: PostOffice, receiver: Receiver) -> None:
        webhook = office.subscribe(receiver)
        receiver.behaviour = status(503)
        office.finish()
        office.tick(receiver)
        key = office.engine.keys.webhook(webhook.id)
        assert office.engine.redis.hget(key, "owed_bytes") == str(len(receiver.requests[0].body))
        office.engine.redis.hincrby(key, "owed_bytes", 2**28)  # as if that much had come since
        office.finish()
        office.tick(receiver)
        found = office.webhooks.get("acme", webhook.id)
        assert (found.enabled, found.disabled_reason) == (False, "More than 256 MiB of events waited for it.")

    def test_what_was_delivered_is_not_owed(self, office: PostOffice, receiver: Receiver) -> None:
        webhook = office.subscribe(receiver)
        office.finish()
        office.tick(receiver)
        office.webhooks.resend("acme", webhook.id, receiver.ids[0])
        office.tick(receiver)
        size = str(len(receiver.requests[0].body))
        fields = office.engine.redis.hmget(office.engine.keys.webhook(webhook.id), "owed_bytes", "ended_bytes")
        assert fields == ["0", size]


class TestChanges:
    def test_a_moved_endpoint_gets_what_is_owed_at_once(self, office: PostOffice, new_receiver: NewReceiver) -> None:
        wrong, right = new_receiver(), new_receiver()
        webhook = office.subscribe(wrong)
        wrong.behaviour = status(503, Retry_After="86400")
        office.finish()
        office.tick()
        office.finish()
        office.webhooks.change("acme", webhook.id, {"url": right.url})
        office.tick()
        assert len(right.requests) == 1
        assert office.webhooks.get("acme", webhook.id).failing_since is None

    def test_a_change_is_for_later_events(self, office: PostOffice, receiver: Receiver) -> None:
        webhook = office.subscribe(receiver)
        office.finish()
        office.tick()
        office.webhooks.change("acme", webhook.id, {"events": ["task.failed"]})
        office.finish()
        office.tick()
        assert len(receiver.requests) == 1


@pytest.mark.parametrize(
    "entry",
    [{"x": "y"}, {"task": "t", "type": "task.completed", "tenant": "acme", "at": "now"},
     {"task": "t", "type": "task.completed", "tenant": "acme", "at": "", "status": "finished", "origin": "Noop",
      "payload": "{broken"}],
)  # fmt: skip
def test_a_foreign_entry_holds_nobody_up(office: PostOffice, receiver: Receiver, entry: dict[str, str]) -> None:
    office.subscribe(receiver)
    office.engine.redis.xadd(office.engine.keys.outbox(), entry)
    task_id = office.finish()
    office.tick(receiver)
    assert json.loads(receiver.requests[-1].body)["data"]["id"] == task_id
    assert office.engine.redis.xlen(office.engine.keys.outbox()) == 0


def test_an_event_that_cannot_be_told_is_put_aside(
    office: PostOffice, receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    """Nested more deeply than JSON is written here: it stopped the webhooks of everybody behind it."""
    office.subscribe(receiver)
    deep = office.engine.submit()
    office.engine.finish(office.engine.start(), result="[" * 985 + "]" * 985)
    task_id = office.finish()
    office.tick(receiver)
    (request,) = receiver.requests
    assert json.loads(request.body)["data"]["id"] == task_id
    keys = office.engine.keys
    assert office.engine.redis.xlen(keys.outbox()) == 0
    ((_, aside),) = office.engine.redis.xrange(keys.outbox_aside())
    assert (aside["task"], aside["reason"]) == (deep, "RecursionError")
    assert "is put aside" in caplog.text


def test_an_event_is_not_put_aside_because_redis_is_away(
    office: PostOffice, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    office.subscribe(receiver)
    office.finish()
    with monkeypatch.context() as away:
        away.setattr("broker.webhooks.delivery.mentions", Mock(side_effect=ConnectionError("gone")))
        with pytest.raises(ConnectionError):
            office.tick(receiver)
    office.tick(receiver)
    assert len(receiver.requests) == 1


def test_a_secret_of_an_earlier_release_still_signs(office: PostOffice, receiver: Receiver) -> None:
    webhook = office.subscribe(receiver)
    office.secrets[receiver.url] = plain = new_secret()
    office.engine.redis.hset(office.engine.keys.webhook(webhook.id), "secret", plain)
    office.finish()
    office.tick(receiver)
    assert len(receiver.requests) == 1


def test_a_daemon_without_the_key_sends_nothing_unsigned_and_says_why(office: PostOffice, receiver: Receiver) -> None:
    webhook = office.subscribe(receiver)
    office.daemon = office.new_daemon(office.inline, secret_key="")
    office.finish()
    office.tick()
    assert receiver.requests == []
    assert "SECRET_KEY" in (office.log(webhook)[-1].error or "")
    office.daemon = office.new_daemon(office.inline)
    office.tick(receiver, seconds=office.until_next(webhook))
    assert len(receiver.requests) == 1


@pytest.mark.parametrize("prefix", ["rq", "{tasks}"])
def test_every_key_has_its_line_in_keys(
    redis: Redis, prefix: str, monkeypatch: pytest.MonkeyPatch, new_receiver: NewReceiver
) -> None:
    keys = Keys(prefix)
    office = PostOffice(Engine(redis, keys), monkeypatch)
    office.engine.declare()
    good, bad = new_receiver(), new_receiver()
    bad.behaviour = status(500)
    webhooks = [office.subscribe(each, ALL) for each in (good, bad)]
    office.webhooks.delete("acme", office.subscribe(good).id)
    office.finish()
    office.deliveries.fan_out()
    office.deliveries.claim(1, 1)
    office.tick()
    ids = [each.id for each in webhooks]
    known = {keys.webhooks("acme"), keys.webhook_due(), keys.webhooks_gone(), keys.listeners()}
    for each in ids:
        known |= {keys.webhook(each), keys.webhook_waiting(each), keys.webhook_running(each), keys.webhook_log(each)}
        known |= {keys.webhook_ended(each), keys.webhook_lane(each, "task-1")}
    found = {key for key in redis.keys("*") if "webhook" in key}
    events = {key for key in found if ":event:" in key}
    assert found - events <= known
    assert all(key.rpartition(":")[0] in {keys.delivery(each, "")[:-1] for each in ids} for key in events)


class TestFlows:
    def test_the_end_of_a_flow_is_told_once_to_who_wants_it(
        self, office: PostOffice, new_receiver: NewReceiver
    ) -> None:
        flows, tasks = new_receiver(), new_receiver()
        endpoint = office.subscribe(flows, ["flow.completed", "flow.failed"])
        office.subscribe(tasks)
        engine = office.engine
        engine.try_submit_linked({"id": "a", "flow": "f"}, {"id": "b", "depends_on": ["a"], "flow": "f"})
        engine.finish(engine.start())
        office.tick(flows, tasks)
        assert flows.requests == []
        engine.advance(1)
        engine.finish(engine.start())
        office.tick(flows, tasks)
        (request,) = flows.requests
        counts = dict.fromkeys(("pending", "scheduled", "processing", "failed", "cancelled"), 0) | {"completed": 2}
        assert json.loads(request.body) == {
            "type": "flow.completed",
            "timestamp": at(1),
            "data": {
                **{"id": "f", "status": "completed", "total": 2, "by_status": counts},
                **{"created_at": at(0), "ended_at": at(1)},
            },
        }
        assert "." not in request.headers["webhook-id"]
        assert len(tasks.requests) == 2
        (attempt,), _ = office.webhooks.attempts("acme", endpoint.id, 10, 0)
        assert (attempt.task_id, attempt.flow) == (None, "f")
        engine.link(flow="f")
        engine.fail(engine.start())
        office.tick(flows)
        assert [json.loads(each.body)["type"] for each in flows.requests] == ["flow.completed", "flow.failed"]
        assert len({each.headers["webhook-id"] for each in flows.requests}) == 2
