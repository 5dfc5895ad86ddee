"""Objects that grow, in each storage: the same bytes whatever the pieces, and nothing left behind."""

import fcntl
import io
from random import Random
from typing import Any

import boto3
import pytest

from broker.errors import NotFound, Unavailable
from broker.media.resumable import State
from broker.media.s3 import S3Storage
from broker.media.storage import Storage

KEY = "t/550e8400-e29b-41d4-a716-446655440000/source"
MIB = 1024 * 1024


def add(storage: Storage, state: State, offset: int, data: bytes, total: int) -> State:
    return storage.resumable.append(KEY, state, io.BytesIO(data), offset, len(data), total)


def everything(storage: Storage) -> list[str]:
    return [each.key for each in storage.walk()]


@pytest.mark.parametrize("sizes", [[10], [10, 1, 7], [3 * MIB, 3 * MIB, 1, 6 * MIB, 100]])
def test_pieces_of_any_size_become_one_object(storage: Storage, sizes: list[int]) -> None:
    data, state, offset = Random(1).randbytes(sum(sizes)), storage.resumable.begin(KEY), 0
    for size in sizes:
        assert KEY not in everything(storage)
        state = add(storage, state, offset, data[offset : offset + size], len(data))
        offset += size
    storage.resumable.complete(KEY, state, len(data))
    with storage.open(KEY) as file:
        assert file.read() == data
    assert everything(storage) == [KEY]
    assert storage.remove_unfinished(-3600, lambda keys: set()) == 0


def test_a_piece_whose_state_was_not_kept_is_written_over(storage: Storage) -> None:
    state = add(storage, storage.resumable.begin(KEY), 0, b"begun", 10)
    add(storage, state, 5, b"lost and longer than what comes", 10)
    state = add(storage, state, 5, b"ended", 10)
    storage.resumable.complete(KEY, state, 10)
    with storage.open(KEY) as file:
        assert file.read() == b"begunended"


def test_what_is_removed_leaves_nothing(storage: Storage) -> None:
    state = add(storage, storage.resumable.begin(KEY), 0, b"begun", 10)
    storage.resumable.remove(KEY, state)
    storage.resumable.remove(KEY, state)
    assert everything(storage) == []
    assert storage.remove_unfinished(-3600, lambda keys: set()) == 0


def test_what_goes_on_is_no_dead_writers(storage: Storage) -> None:
    state = add(storage, storage.resumable.begin(KEY), 0, b"x" * 6 * MIB, 10 * MIB)
    assert storage.remove_unfinished(-3600, lambda keys: {key for key in keys if key == KEY}) == 0
    add(storage, state, 6 * MIB, b"y", 10 * MIB)
    assert storage.remove_unfinished(-3600, lambda keys: set()) == 1
    assert storage.remove_unfinished(-3600, lambda keys: set()) == 0


def test_a_writer_that_was_taken_for_dead_is_waited_for(storage: Storage) -> None:
    """In a folder, where it could still write; in a bucket each writes its own."""
    if isinstance(storage, S3Storage):
        return
    state = storage.resumable.begin(KEY)

    class Slow(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            with pytest.raises(Unavailable):
                add(storage, state, 0, b"other", 10)
            return super().read(size)

    storage.resumable.append(KEY, state, Slow(b"first"), 0, 5, 10)
    storage.resumable.complete(KEY, state, 5)
    with storage.open(KEY) as file:
        assert file.read() == b"first"


def test_a_writer_that_was_taken_for_dead_does_not_write_into_the_object(
    storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a folder, where the file that it has opened is the object by the time it has the lock."""
    if isinstance(storage, S3Storage):
        return
    state, lock = add(storage, storage.resumable.begin(KEY), 0, b"begun", 10), fcntl.flock

    def late(*how: Any) -> None:
        monkeypatch.setattr(fcntl, "flock", lock)
        storage.resumable.complete(KEY, state, 5)
        lock(*how)

    monkeypatch.setattr(fcntl, "flock", late)
    with pytest.raises(NotFound):
        add(storage, state, 0, b"other", 10)
    with storage.open(KEY) as file:
        assert file.read() == b"begun"


def test_parts_of_a_writer_that_was_taken_for_dead_are_no_others(storage: Storage) -> None:
    """Whatever it still sends, also into the next one's place, and at whatever time."""
    data, begun = Random(2).randbytes(20 * MIB), storage.resumable.begin(KEY)
    state = add(storage, begun, 0, data[: 6 * MIB], len(data))
    if isinstance(storage, S3Storage):
        beside = storage.resumable.beside(state, 1, 12 * MIB)
        own = add(storage, beside, 6 * MIB, data[6 * MIB : 14 * MIB], len(data))
        dead = add(storage, state, 6 * MIB, data[6 * MIB : 12 * MIB], len(data))
        add(storage, dead, 12 * MIB, data[12 * MIB : 18 * MIB], len(data))
    else:
        own = add(storage, storage.resumable.beside(state, 1, 12), 6 * MIB, data[6 * MIB : 14 * MIB], len(data))
    own = add(storage, own, 14 * MIB, data[14 * MIB :], len(data))
    storage.resumable.complete(KEY, own, len(data))
    with storage.open(KEY) as file:
        assert file.read() == data
    assert everything(storage) == [KEY]


def test_a_bucket_gets_parts_of_a_size_that_it_takes(bucket: str) -> None:
    """All but the last of 5 MiB or more, however the pieces came."""
    storage, state = S3Storage(bucket), None
    state = storage.resumable.begin(KEY)
    for number in range(12):
        state = add(storage, state, number * MIB, bytes(MIB), 13 * MIB)
    client = boto3.client("s3", region_name="us-east-1")
    parts = client.list_parts(Bucket=bucket, Key=KEY, UploadId=state["id"])["Parts"]
    assert [each["Size"] for each in parts] == [5 * MIB, 5 * MIB]
    assert state["tail"][1] == 2 * MIB
