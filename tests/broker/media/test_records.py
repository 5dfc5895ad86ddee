"""Guards media records: what was written is read back, pages are right, and no tenant sees another's files."""

from dataclasses import replace
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st
from redis import Redis
from redis.exceptions import ResponseError

from broker.engine.keys import Keys
from broker.errors import NotFound, Unavailable
from broker.media.records import MediaRecord, MediaStore, fields, from_fields, info_fields

KEYS = Keys("rq")
texts = st.text()
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | texts,
    lambda inner: st.lists(inner) | st.dictionaries(texts, inner),
    max_leaves=5,
)
records = st.builds(
    MediaRecord,
    id=st.uuids().map(str),
    tenant=texts,
    kind=st.sampled_from(["video", "image", "audio", "document"]),
    filename=texts,
    content_type=texts,
    size=st.integers(min_value=0),
    source_key=texts,
    created_at=texts,
    task_id=st.none() | st.uuids().map(str),
    info=st.dictionaries(texts, json_values, max_size=3),
)


def record(number: int, tenant: str = "acme", kind: str = "video") -> MediaRecord:
    return MediaRecord(
        id=str(uuid4()),
        tenant=tenant,
        kind=kind,
        filename=f"clip {number}.mp4",
        content_type="video/mp4",
        size=number,
        source_key=f"{tenant}/{number}/source.mp4",
        created_at=f"2024-01-01T00:00:00.{number:06d}Z",
    )


def save(redis: Redis, item: MediaRecord, created_us: int) -> MediaRecord:
    redis.hset(KEYS.media(item.id), mapping=fields(item))
    redis.zadd(KEYS.media_index(item.tenant, item.kind), {item.id: created_us})
    return item


@given(records)
def test_a_record_survives_its_hash(item: MediaRecord) -> None:
    assert from_fields(fields(item)) == item
    assert all(isinstance(text, str) for pair in fields(item).items() for text in pair)


def test_info_merges_field_by_field(redis: Redis) -> None:
    item = save(redis, replace(record(1), info={"duration": 5.5, "streams": [], "plugin": {"a": {}}}), 1)
    redis.hset(KEYS.media(item.id), mapping=info_fields({"duration": 6, "width": None}))
    found = MediaStore(redis, KEYS).get("acme", item.id)
    assert found.info == {"duration": 6, "streams": [], "plugin": {"a": {}}, "width": None}
    assert replace(found, info=item.info) == item


def test_a_record_is_found_by_its_tenant_only(redis: Redis) -> None:
    store = MediaStore(redis, KEYS)
    item = save(redis, record(1), 1)
    assert store.get("acme", item.id) == store.get("acme", item.id.upper()) == item
    for tenant, media_id in (("other", item.id), ("", item.id), ("acme", str(uuid4()))):
        with pytest.raises(NotFound):
            store.get(tenant, media_id)


@pytest.mark.parametrize(
    "media_id",
    [
        "",
        "x" * 36,
        "acme:video",
        "{550e8400-e29b-41d4-a716-446655440000}",
        "550e8400e29b41d4a716446655440000",
        "urn:uuid:550e8400-e29b-41d4-a716-446655440000",
        "550e8400-e29b-41d4-a716-44665544000\n",
    ],
)
def test_what_is_no_uuid_never_reaches_redis(media_id: str) -> None:
    nowhere = Redis(host="127.0.0.1", port=9, retry=None)
    with pytest.raises(NotFound):
        MediaStore(nowhere, KEYS).get("acme", media_id)


def test_pages_are_newest_first_and_count_everything(redis: Redis) -> None:
    store = MediaStore(redis, KEYS)
    mine = [save(redis, record(number), number) for number in range(5)]
    save(redis, record(9, tenant="other"), 9)
    save(redis, record(9, kind="image"), 9)
    assert store.page("acme", "video", limit=2, offset=0) == ([mine[4], mine[3]], 5)
    assert store.page("acme", "video", limit=2, offset=4) == ([mine[0]], 5)
    assert store.page("acme", "video", limit=2, offset=5) == ([], 5)
    assert store.page("acme", "audio", limit=2, offset=0) == ([], 0)
    assert store.page("nobody", "video", limit=2, offset=0) == ([], 0)


def test_a_page_passes_over_a_record_that_is_gone(redis: Redis) -> None:
    first, second = (save(redis, record(number), number) for number in range(2))
    redis.delete(KEYS.media(second.id))
    assert MediaStore(redis, KEYS).page("acme", "video", limit=10, offset=0)[0] == [first]


def test_names_are_told_of_ones_own_files_that_are_there_and_what_the_server_refuses_is_raised(redis: Redis) -> None:
    store, mine, other = MediaStore(redis, KEYS), record(1), record(2, tenant="other")
    for number, each in enumerate((mine, other)):
        save(redis, each, number)
    assert store.filenames("acme", [str(uuid4()), other.id, mine.id]) == {mine.id: mine.filename}
    assert store.filenames("acme", []) == {}
    redis.delete(KEYS.media(other.id))
    redis.set(KEYS.media(other.id), "no record")
    with pytest.raises(ResponseError):
        store.filenames("acme", [mine.id, other.id])


def test_without_redis_it_is_unavailable() -> None:
    store = MediaStore(Redis(host="127.0.0.1", port=9, retry=None), KEYS)
    with pytest.raises(Unavailable):
        store.filenames("acme", [str(uuid4())])
    with pytest.raises(Unavailable):
        store.get("acme", str(uuid4()))
    with pytest.raises(Unavailable):
        store.page("acme", "video", limit=1, offset=0)
