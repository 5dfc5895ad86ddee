"""Guards the storage interface: every implementation keeps the same promises.

Whole objects or none, ranges as a player asks for them, keys that cannot leave their place, errors in our words.
"""

import io
from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest

from broker.errors import NotFound, TaskTimeout
from broker.media.storage import MAX_KEY, MAX_PART, InvalidKey, Storage

#: More than one multipart part, and not a multiple of anything.
BIG = 17 * 1024 * 1024 + 12_345

IMPOSSIBLE = [
    "",
    "/etc/passwd",
    "..",
    "a/../b",
    "../b",
    "a/./b",
    "a//b",
    "a/",
    ".hidden",
    "a/.hidden/b",
    "a\\b",
    "a\x00b",
    "a\nb",
    "a/\ud800",
    "x" * (MAX_PART + 1),
    "é" * (MAX_PART // 2 + 1),
    "/".join(["x" * 99] * (MAX_KEY // 100 + 1)),
]


class Endless(io.RawIOBase):
    """Bytes that never repeat in a short distance, made as they are read: nobody holds them all."""

    def __init__(self, size: int, fails_at: int | None = None, error: BaseException | None = None) -> None:
        self.left = size
        self.largest_read = 0
        self._random = Random(1)
        self._fails_at = fails_at
        self._error = error or OSError("the sender went away")

    def read(self, size: int = -1) -> bytes:
        if self._fails_at is not None and self.left <= self._fails_at:
            raise self._error
        size = self.left if size < 0 else min(size, self.left)
        self.largest_read = max(self.largest_read, size)
        self.left -= size
        return self._random.randbytes(size)


def put(storage: Storage, key: str, data: bytes) -> None:
    assert storage.put(key, io.BytesIO(data)) == len(data)


def read(storage: Storage, key: str, start: int = 0, length: int | None = None) -> bytes:
    with storage.open(key, start, length) as stream:
        return stream.read()


@pytest.mark.parametrize("data", [b"", b"x", bytes(range(256)) * 5000])
def test_what_was_put_is_read(storage: Storage, data: bytes) -> None:
    put(storage, "tenant/id/source", data)
    assert read(storage, "tenant/id/source") == data
    assert storage.stat("tenant/id/source").size == len(data)


def test_a_put_file_stays_where_it_was(storage: Storage, tmp_path: Path) -> None:
    path = tmp_path / "clip"
    path.write_bytes(b"moving pictures")
    assert storage.put_file("tenant/clip.mp4", path) == 15
    assert read(storage, "tenant/clip.mp4") == path.read_bytes() == b"moving pictures"


def test_a_large_object_is_streamed_in_and_out(storage: Storage) -> None:
    source = Endless(BIG)
    assert storage.put("tenant/large", source) == BIG
    assert source.largest_read < BIG, "the source was read in one piece"
    expected = Random(1)
    with storage.open("tenant/large") as stream:
        while chunk := stream.read(1024 * 1024):
            # Random.randbytes(a) + randbytes(b) == randbytes(a + b) for multiples of four.
            assert chunk[: len(chunk) // 4 * 4] == expected.randbytes(len(chunk))[: len(chunk) // 4 * 4]


def test_a_range_reads_like_a_slice(storage: Storage) -> None:
    data = b"0123456789"
    put(storage, "digits", data)
    for start in (0, 3, 9, 10, 99):
        assert read(storage, "digits", start) == data[start:]
        for length in (0, 1, 4, 100):
            assert read(storage, "digits", start, length) == data[start : start + length], (start, length)


@pytest.mark.parametrize("range_", [(-1, None), (0, -1)])
def test_a_range_counted_backwards_is_refused(storage: Storage, range_: tuple[int, int | None]) -> None:
    put(storage, "digits", b"0123456789")
    with pytest.raises(ValueError, match="must not be negative"):
        storage.open("digits", *range_)


def test_an_empty_object_has_empty_ranges(storage: Storage) -> None:
    put(storage, "empty", b"")
    assert read(storage, "empty", 0, None) == read(storage, "empty", 0, 5) == read(storage, "empty", 1, None) == b""


def test_the_entity_tag_changes_with_the_bytes(storage: Storage) -> None:
    put(storage, "note", b"one")
    first = storage.stat("note").etag
    assert storage.stat("note").etag == first
    put(storage, "note", b"two")
    assert storage.stat("note").etag != first
    assert read(storage, "note") == b"two"


def test_an_open_stream_outlives_a_replacement(storage: Storage) -> None:
    put(storage, "note", b"a" * 100_000)
    with storage.open("note") as stream:
        start = stream.read(10)
        put(storage, "note", b"b" * 100_000)
        assert set(start + stream.read()) == set(b"a")


@pytest.mark.parametrize("error", [OSError("the sender went away"), TaskTimeout()])
def test_an_interrupted_put_leaves_nothing(storage: Storage, error: BaseException) -> None:
    put(storage, "tenant/clip", b"the old one")
    for key in ("tenant/clip", "tenant/other"):
        with pytest.raises(type(error)):
            storage.put(key, Endless(BIG, fails_at=BIG // 4, error=error))
    assert read(storage, "tenant/clip") == b"the old one"
    assert list(storage.keys("tenant/")) == ["tenant/clip"]


def test_keys_come_in_order_and_only_from_below(storage: Storage) -> None:
    for key in ("t/b", "t/a/2", "t/a/1", "t/a-b/1", "t/a.b", "t/A", "tt/x", "u", "t/a/10"):
        put(storage, key, b"")
    assert list(storage.keys("t/")) == ["t/A", "t/a-b/1", "t/a.b", "t/a/1", "t/a/10", "t/a/2", "t/b"]
    assert list(storage.keys("t/a/")) == ["t/a/1", "t/a/10", "t/a/2"]
    assert list(storage.keys("nothing/")) == list(storage.keys("u/")) == []


@pytest.mark.parametrize("prefix", ["", "t", "/", "../", "t/../../", ".unfinished/"])
def test_a_listing_needs_a_proper_prefix(storage: Storage, prefix: str) -> None:
    with pytest.raises(InvalidKey):
        storage.keys(prefix)


def test_delete_takes_one_object_or_everything_below(storage: Storage) -> None:
    for key in ("t/1/a", "t/1/b/c", "t/10/a", "t/2"):
        put(storage, key, b"x")
    assert storage.delete("t/1") == 0, "a name without a slash is one object"
    assert storage.delete("t/1/") == 2
    assert list(storage.keys("t/")) == ["t/10/a", "t/2"]
    assert storage.delete("t/2") == 1
    assert storage.delete("t/2") == storage.delete("t/1/") == storage.delete("never/") == 0
    with pytest.raises(NotFound):
        storage.stat("t/2")


def test_delete_of_everything_is_refused(storage: Storage) -> None:
    put(storage, "t/a", b"x")
    for prefix in ("", "/", "t/../", "t//"):
        with pytest.raises(InvalidKey):
            storage.delete(prefix)
    assert read(storage, "t/a") == b"x"


def test_a_local_file_is_the_object_and_keeps_its_extension(storage: Storage) -> None:
    put(storage, "t/id/source.mp4", b"moving pictures")
    with storage.local_file("t/id/source.mp4") as path:
        assert path.read_bytes() == b"moving pictures"
        assert path.suffix == ".mp4"
    assert read(storage, "t/id/source.mp4") == b"moving pictures"


def reads(storage: Storage, key: str) -> list[Callable[[], object]]:
    return [
        lambda: storage.open(key),
        lambda: storage.open(key, 2, 0),
        lambda: storage.stat(key),
        lambda: storage.local_file(key).__enter__(),
    ]


@pytest.mark.parametrize("key", ["missing", "t", "t/a/b", "t/missing"])
def test_a_missing_object_is_not_found(storage: Storage, key: str) -> None:
    put(storage, "t/a", b"x")
    for call in reads(storage, key):
        with pytest.raises(NotFound) as raised:
            call()
        assert "/" not in raised.value.message, "a message to callers names no path"


def test_an_impossible_key_is_refused_everywhere(storage: Storage) -> None:
    for key in IMPOSSIBLE:
        writes = (lambda key=key: storage.put(key, io.BytesIO(b"x")), lambda key=key: storage.delete(f"{key}/"))
        for call in (*reads(storage, key), *writes):
            with pytest.raises(InvalidKey):
                call()
                pytest.fail(f"{key!r} was accepted")


@pytest.mark.parametrize("key", ["a b/ü/日本 (1).mp4", "x" * MAX_PART, "a/b.c/d-e_f=g+h@i,j%2F", "a..b"])
def test_an_ordinary_key_means_the_same_everywhere(storage: Storage, key: str) -> None:
    put(storage, f"t/{key}", b"x")
    assert list(storage.keys("t/")) == [f"t/{key}"]
    assert read(storage, f"t/{key}") == b"x"
