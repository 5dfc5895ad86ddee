"""What a run reads and writes of the storage is counted, and nothing else of it changes."""

import io
from pathlib import Path

import pytest

from broker.media.local import LocalStorage
from broker.worker.metered import MeteredStorage

DATA = bytes(range(256)) * 1000


@pytest.fixture
def storage(tmp_path: Path) -> MeteredStorage:
    return MeteredStorage(LocalStorage(tmp_path / "media"))


def test_what_is_written_is_counted(storage: MeteredStorage, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(DATA)
    assert storage.put("acme/a", io.BytesIO(DATA)) + storage.put_file("acme/b", path) == 2 * len(DATA)
    assert (storage.bytes_written, storage.bytes_read) == (2 * len(DATA), 0)


def test_what_is_read_is_counted_as_far_as_it_is_read(storage: MeteredStorage) -> None:
    storage.put("acme/a", io.BytesIO(DATA))
    with storage.open("acme/a", 100, 50_000) as stream:
        assert stream.read() == DATA[100:50_100]
    assert storage.bytes_read == 50_000
    with storage.open("acme/a") as stream:
        assert stream.seekable()
        stream.seek(-256, io.SEEK_END)
        assert stream.read(1) == b"\0"
    assert 50_000 < storage.bytes_read <= 50_256
    with storage.open("acme/a") as stream:
        assert b"".join(iter(lambda: stream.read(999), b"")) == DATA


def test_a_file_that_is_opened_where_it_lies_counts_as_a_whole(storage: MeteredStorage) -> None:
    storage.put("acme/a", io.BytesIO(DATA))
    with storage.local_file("acme/a") as path:
        assert path.read_bytes() == DATA
    assert storage.bytes_read == len(DATA)
