"""Guards records that are read for a whole batch: each run gets its own once, and nothing spoils the others'."""

import json
from typing import Any
from uuid import uuid4

import pytest

from broker.broker import Broker
from broker.context import TaskContext
from broker.engine.transitions import Claim, Claimed
from broker.errors import PermanentError
from broker.media.records import MediaRecord, fields
from broker.worker.child_state import ChildState
from broker.worker.log_pipe import LogPipe
from broker.worker.run_log import RunLog
from broker.worker.together import Member, Tools, work
from tests.handlers_for_tests import noop


class Named:
    """Answers the name of the file that the payload names."""

    def joins(self, payload: dict[str, Any]) -> bool:
        return True

    def media_of(self, payload: dict[str, Any]) -> str:
        return str(payload["media"])

    def prepare(self, context: TaskContext) -> Any:
        return context.media(context.payload["media"]).filename

    def compute(self, prepared: list[Any]) -> list[Any]:
        return prepared

    def finish(self, context: TaskContext, prepared: Any, computed: Any) -> dict[str, Any]:
        return {"name": computed}


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch, broker: Broker) -> list[str]:
    """Of which files the record was read alone."""
    found: list[str] = []
    read = type(broker.media).get

    def get(store: Any, tenant: str, media_id: str) -> MediaRecord:
        found.append(media_id)
        return read(store, tenant, media_id)

    monkeypatch.setattr(type(broker.media), "get", get)
    return found


def kept(broker: Broker, tenant: str, name: str) -> str:
    record = MediaRecord(str(uuid4()), tenant, "document", name, "text/plain", 1, "key", "2024-01-01T00:00:00Z")
    broker.redis.hset(broker.keys.media(record.id), mapping=fields(record))
    return record.id


def member(tenant: str, payload: Any) -> Member:
    claimed = Claimed(str(uuid4()), "Noop", tenant, json.dumps(payload), 1, 60, 0, "")
    return Member(claimed, Claim("w", "e", "Noop", 1), 60.0)


def results(broker: Broker, *members: Member) -> list[Any]:
    """Of each the result, or why it failed."""
    shared = ChildState()
    tools = Tools(broker, shared, RunLog(LogPipe(), shared, None, ()))
    for _ in work(list(members), "Noop", Named(), lambda: noop, tools):
        pass
    ends = [each.ended().outcome for each in members]
    return [json.loads(end.result) if hasattr(end, "result") else getattr(end, "message", end) for end in ends]


def test_the_records_of_all_are_read_at_once(broker: Broker, asked: list[str]) -> None:
    ours = [kept(broker, "acme", f"{number}.txt") for number in range(3)]
    theirs = kept(broker, "globex", "theirs.txt")
    members = [*(member("acme", {"media": each}) for each in ours), member("globex", {"media": theirs})]
    names = [{"name": name} for name in ("0.txt", "1.txt", "2.txt", "theirs.txt")]
    assert results(broker, *members) == names
    assert asked == []


def test_what_is_wrong_with_one_is_its_own_fault(broker: Broker, asked: list[str]) -> None:
    good, theirs, gone = kept(broker, "acme", "good.txt"), kept(broker, "globex", "theirs.txt"), str(uuid4())
    members = [member("acme", {"media": each}) for each in (good, theirs, gone)] + [member("acme", {"n": 1})]
    found = results(broker, *members)
    assert found[0] == {"name": "good.txt"}
    assert found[1:3] == [f"There is no media file {each} (any more)." for each in (theirs, gone)]
    assert found[3] == "KeyError: 'media'"
    assert asked == [theirs, gone]


def test_a_record_that_is_spoilt_leaves_the_others_to_themselves(broker: Broker, asked: list[str]) -> None:
    good, spoilt = kept(broker, "acme", "good.txt"), kept(broker, "acme", "spoilt.txt")
    broker.redis.hdel(broker.keys.media(spoilt), "size")
    found = results(broker, member("acme", {"media": good}), member("acme", {"media": spoilt}))
    assert found == [{"name": "good.txt"}, "KeyError: 'size'"]
    assert asked == [good, spoilt]


def test_who_asks_again_is_told_what_there_is_by_then(broker: Broker, asked: list[str]) -> None:
    media_id = kept(broker, "acme", "a.txt")
    one = member("acme", {"media": media_id})
    shared = ChildState()
    context = one.make_context(broker, shared, RunLog(LogPipe(), shared, None, ()))
    context.known_media |= broker.media.get_many("acme", [media_id])
    assert context.media(media_id).filename == "a.txt"
    broker.redis.delete(broker.keys.media(media_id))
    with pytest.raises(PermanentError, match="any more"):
        context.media(media_id)
