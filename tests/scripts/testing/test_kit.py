"""The kit for other people's suites: what a test of theirs may rely on."""

from datetime import UTC, datetime, timedelta

import pytest
import requests
from standardwebhooks.webhooks import Webhook as Verifier

from broker.clock import Clock, to_rfc3339
from broker.errors import InvalidInput, PermanentError
from broker.status import Status
from scripts.testing.kit import Kit
from scripts.testing.webhooks import Webhook

ADA = {"name": "Ada"}


def test_nothing_runs_before_it_is_drained(mindia_tasks: Kit) -> None:
    task = mindia_tasks.submit("Greeting", ADA)
    assert task.status == Status.PENDING
    (ran,) = mindia_tasks.drain()
    assert (ran.id, ran.status, ran.result) == (task.id, Status.COMPLETED, {"text": "Hello Ada"})
    assert mindia_tasks.drain() == []


def test_inline_it_has_run_when_the_call_returns(mindia_tasks: Kit) -> None:
    with mindia_tasks.inline():
        assert mindia_tasks.submit("Greeting", ADA).result == {"text": "Hello Ada"}
    assert mindia_tasks.submit("Greeting", ADA).status == Status.PENDING


def test_inline_over_http_too(mindia_tasks: Kit) -> None:
    headers = {"Authorization": f"Bearer {mindia_tasks.key}"}
    new = {"type": "Greeting", "payload": ADA}
    with mindia_tasks.inline():
        made = requests.post(f"{mindia_tasks.url}/api/tasks", json=new, headers=headers, timeout=30).json()
        found = requests.get(f"{mindia_tasks.url}/api/tasks/{made['id']}", headers=headers, timeout=30).json()
    assert found["status"] == "completed"


def test_what_a_handler_raises_reaches_the_test_if_it_asks_for_that(mindia_tasks: Kit) -> None:
    with mindia_tasks.inline(reraise=True), pytest.raises(PermanentError, match="nobody to greet"):
        mindia_tasks.submit("Greeting", {"name": "nobody"})
    (failed,) = mindia_tasks.submitted(status="failed")
    assert failed.error == "There is nobody to greet."


def test_retries_come_when_they_are_due_and_not_before(mindia_tasks: Kit) -> None:
    mindia_tasks.clock.freeze()
    task = mindia_tasks.submit("Greeting", {"name": "busy"})
    (ran,) = mindia_tasks.drain()
    assert (ran.status, ran.retry_count) == (Status.SCHEDULED, 1)
    assert mindia_tasks.drain() == []
    began = mindia_tasks.clock.now
    mindia_tasks.drain(scheduled=True)
    ended = mindia_tasks.task(task.id)
    assert (ended.status, ended.retry_count) == (Status.COMPLETED, 2)
    assert mindia_tasks.clock.now > began


def test_a_stopped_clock_is_everybodys(mindia_tasks: Kit) -> None:
    moment = datetime(2031, 5, 6, 7, 8, 9, tzinfo=UTC)
    assert mindia_tasks.clock.freeze(moment) == moment
    task = mindia_tasks.submit("Greeting", ADA, delay_seconds=3600)
    assert (task.created_at, task.scheduled_at) == ("2031-05-06T07:08:09.000000Z", "2031-05-06T08:08:09.000000Z")
    mindia_tasks.clock.tick(3599)
    assert mindia_tasks.drain() == []
    mindia_tasks.clock.tick(timedelta(seconds=1))
    (ran,) = mindia_tasks.drain()
    assert ran.started_at == ran.completed_at == "2031-05-06T08:08:09.000000Z"
    assert to_rfc3339(Clock().now_us()) == ran.completed_at


def test_a_stopped_clock_goes_on_in_the_next_test(mindia_tasks: Kit) -> None:
    assert not mindia_tasks.clock.stopped
    assert abs(mindia_tasks.clock.now - datetime.now(UTC)) < timedelta(minutes=1)
    assert mindia_tasks.submitted() == []


class TestLimits:
    @pytest.fixture
    def mindia_limits(self) -> bool:
        return True

    def test_rates_bind_where_they_are_asked_for(self, mindia_tasks: Kit) -> None:
        mindia_tasks.clock.freeze()
        for _ in range(3):
            mindia_tasks.submit("Greeting", ADA)
        mindia_tasks.clock.tick(1)
        assert len(mindia_tasks.drain()) == 1
        mindia_tasks.clock.tick(1)
        assert len(mindia_tasks.drain()) == 1
        assert len(mindia_tasks.drain(scheduled=True)) == 1


def test_what_was_submitted_is_found_by_what_it_has(mindia_tasks: Kit) -> None:
    mindia_tasks.assert_nothing_submitted()
    mindia_tasks.submit("Greeting", ADA, group="user 7", priority=3)
    mindia_tasks.submit("Greeting", {"name": "Bob"})
    assert mindia_tasks.assert_submitted("Greeting", ADA, times=1).group == "user 7"
    assert [each.payload["name"] for each in mindia_tasks.submitted("Greeting")] == ["Ada", "Bob"]
    assert mindia_tasks.submitted(priority=3, group="user 7", payload=ADA) != []
    mindia_tasks.assert_nothing_submitted("Farewell")
    with pytest.raises(AssertionError, match=r"2 such tasks, not 1.*\n.*'Ada'.*\n.*'Bob'"):
        mindia_tasks.assert_submitted("Greeting", times=1)
    with pytest.raises(AssertionError, match="Greeting"):
        mindia_tasks.assert_nothing_submitted()


def test_more_than_a_page_of_tasks(mindia_tasks: Kit) -> None:
    for number in range(101):
        mindia_tasks.submit("Greeting", {"name": str(number)})
    assert [each.payload["name"] for each in mindia_tasks.submitted()] == [str(each) for each in range(101)]
    assert len(mindia_tasks.drain()) == 101


def test_a_payload_that_is_wrong_is_refused_as_it_would_be(mindia_tasks: Kit) -> None:
    with pytest.raises(InvalidInput):
        mindia_tasks.submit("Greeting", {"nme": "Ada"})


def test_a_stub_stands_for_the_handler_in_this_test(mindia_tasks: Kit) -> None:
    mindia_tasks.stub("Greeting", {"text": "stubbed"})
    mindia_tasks.stub("Farewell", lambda context: {"text": f"bye {context.payload['name']}"})
    with mindia_tasks.inline():
        assert mindia_tasks.submit("Greeting", ADA).result == {"text": "stubbed"}
        assert mindia_tasks.submit("Farewell", ADA).result == {"text": "bye Ada"}
    with pytest.raises(ValueError, match="no task type 'Greating'"):
        mindia_tasks.stub("Greating", {})


def test_what_depends_on_others_runs_after_them(mindia_tasks: Kit) -> None:
    first = mindia_tasks.submit("Greeting", ADA, flow="f")
    second = mindia_tasks.submit("Farewell", ADA, depends_on=[first.id], flow="f")
    assert [each.id for each in mindia_tasks.drain()] == [first.id, second.id]


def test_more_that_follow_than_one_script_takes(mindia_tasks: Kit) -> None:
    first = mindia_tasks.submit("Greeting", ADA)
    for _ in range(60):
        mindia_tasks.submit("Farewell", ADA, depends_on=[first.id])
    assert len(mindia_tasks.drain()) == 61


def test_webhooks_are_received_signed_and_sent_again_when_the_receiver_fails(mindia_tasks: Kit) -> None:
    secret = mindia_tasks.webhooks.listen("task.completed", "task.failed")
    answers = iter([500, 204, 204])
    seen: list[Webhook] = []

    def receiver(webhook: Webhook) -> int:
        seen.append(webhook)
        return next(answers)

    mindia_tasks.webhooks.receiver = receiver
    task = mindia_tasks.submit("Greeting", ADA)
    mindia_tasks.clock.freeze()
    mindia_tasks.drain()
    assert [each["id"] for each in mindia_tasks.webhooks.of("task.completed")] == [task.id]
    mindia_tasks.clock.tick(60)
    mindia_tasks.drain()
    assert seen[0].headers["webhook-id"] == seen[1].headers["webhook-id"]
    mindia_tasks.submit("Greeting", {"name": "nobody"})
    mindia_tasks.drain()
    (failed,) = mindia_tasks.webhooks.of("task.failed")
    assert failed["error"] == "There is nobody to greet."
    assert mindia_tasks.webhooks.received == seen
    with pytest.raises(ValueError, match="no event"):
        mindia_tasks.webhooks.of("task.done")
    verifier, last = Verifier(secret), seen[-1]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("standardwebhooks.webhooks.datetime", _at(mindia_tasks.clock.now))
        assert verifier.verify(last.body, dict(last.headers))["type"] == "task.failed"


def _at(moment: datetime) -> type[datetime]:
    class Then(datetime):
        @classmethod
        def now(cls, tz: object = None) -> datetime:  # type: ignore[override]
            return moment

    return Then


def test_a_handler_that_submits_itself_for_ever_is_found(mindia_tasks: Kit, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("scripts.testing.kit._MOST_RUNS", 20)
    mindia_tasks.stub("Greeting", lambda context: mindia_tasks.submit("Greeting", ADA) and {})
    mindia_tasks.submit("Greeting", ADA)
    with pytest.raises(RuntimeError, match="submit itself"):
        mindia_tasks.drain()
