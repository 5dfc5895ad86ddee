"""Files go when their time is over: what their upload asked for, or what the operator keeps any for."""

import logging

import pytest

from broker.clock import Clock, to_rfc3339
from broker.daemon.expire import Expire
from broker.removal.expiry import Expiry
from tests.broker.removal.library import Library


def expire(library: Library, days: float | None = None) -> float:
    return Expire(Expiry(library.redis, library.keys, days)).tick()


def soon() -> str:
    """A moment that has passed when the upload is through."""
    return to_rfc3339(Clock().now_us())


def test_a_file_goes_at_the_time_that_its_upload_named(any_library: Library, caplog: pytest.LogCaptureFixture) -> None:
    library = any_library
    kept = [library.upload(), library.upload(expires_at="2999-01-01T00:00:00.000000Z")]
    record = library.upload(expires_at=soon())
    with caplog.at_level(logging.INFO):
        expire(library)
    assert not library.is_there(record)
    assert all(map(library.is_there, kept))
    (line,) = [each for each in caplog.records if each.name == "removal"]
    told = {"media": record.id, "tenant": "acme", "by": "expiry", "kind": "video"}
    assert (line.message, line.fields) == ("deleted", told)  # type: ignore[attr-defined]
    library.settle()
    assert library.traces(record) == set()
    assert library.status(record.task_id or "") == "cancelled"


def test_without_a_retention_nothing_goes_by_itself(library: Library) -> None:
    record = library.upload()
    library.redis.zadd(library.keys.media_index("acme", "video"), {record.id: 1})
    expire(library)
    assert library.is_there(record)


def test_the_operators_retention_holds_for_all_kinds_and_tenants(library: Library) -> None:
    old = [library.upload(kind, tenant=tenant) for kind in ("video", "image") for tenant in ("acme", "rival")]
    for each in old:
        library.redis.zincrby(library.keys.media_index(each.tenant, each.kind), -2 * 86_400 * 1e6, each.id)
    fresh = library.upload()
    asked = library.upload(expires_at="2999-01-01T00:00:00.000000Z")
    library.redis.zincrby(library.keys.media_index("acme", "video"), -2 * 86_400 * 1e6, asked.id)
    expire(library, days=3)
    assert all(map(library.is_there, old))
    expire(library, days=1)
    assert not any(map(library.is_there, [*old, asked])), "what an upload asks for does not prolong it"
    assert library.is_there(fresh)


def test_many_go_in_batches(library: Library) -> None:
    records = [library.upload(expires_at=soon()) for _ in range(21)]
    assert expire(library) == 0.0
    assert sum(map(library.is_there, records)) == 1
    assert expire(library) == 5.0
    assert not any(map(library.is_there, records))
    assert not library.redis.exists(library.keys.media_expiry())
