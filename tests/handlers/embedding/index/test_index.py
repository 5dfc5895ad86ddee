"""Guards how an index is read: in slices, and never by halves, whatever happens to the server meanwhile."""

from collections.abc import Iterator
from uuid import uuid4

import pytest
from redis import Redis
from redis.exceptions import ConnectionError

from broker.engine.keys import Keys
from broker.media.parts import Part
from broker.media.vectors import Embedding, RedisVectors
from tests.search_fixtures import NewMedia

np = pytest.importorskip("numpy", reason="needs the extra embed")
index = pytest.importorskip("handlers.embedding.index.index", reason="needs the extra embed")

RED, RED_BYTES = np.array([1.0, 0.0], np.float32), np.array([1.0, 0.0], "<f2").tobytes()


class UnsteadyVectors(RedisVectors):
    """The first reading meets what ``accident`` does to it."""

    def accident(self, read: Iterator[Embedding]) -> Iterator[Embedding]:
        return read

    def all(self, tenant: str, model: str) -> Iterator[Embedding]:
        read, accident = super().all(tenant, model), self.accident
        self.accident = iter
        return accident(read)


@pytest.fixture
def vectors(redis_url: str, keys: Keys) -> Iterator[UnsteadyVectors]:
    with Redis.from_url(redis_url) as client:
        yield UnsteadyVectors(client, keys)


@pytest.fixture
def stored(vectors: UnsteadyVectors, redis: Redis, keys: Keys, new_media: NewMedia) -> set[str]:
    """Ids of 1,200 pictures with vectors."""
    last = new_media()
    ids = [str(uuid4()) for _ in range(1199)]
    redis.hset(keys.vectors("acme", "m"), mapping={each: b"image 1\n" + RED_BYTES for each in ids})
    vectors.put("acme", "m", "image", last, [RED_BYTES])
    return {last, *ids}


@pytest.fixture
def read(vectors: UnsteadyVectors):
    return index.Index(vectors, "acme", "m", 2)


def ids_in(read) -> set[str]:
    while not read.advance():
        pass
    return {match.entity_id for match in read.ranking(RED, None).best(10)}


def test_it_is_read_in_slices(read, stored: set[str]) -> None:
    assert [read.advance() for _ in range(13)] == [False] * 12 + [True]
    assert ids_in(read) == stored


def test_a_reading_that_was_cut_off_begins_anew(read, vectors: UnsteadyVectors, stored: set[str]) -> None:
    def cut_off(each: Iterator[Embedding]) -> Iterator[Embedding]:
        for _ in range(150):
            yield next(each)
        raise ConnectionError

    vectors.accident = cut_off
    assert not read.advance()
    with pytest.raises(ConnectionError):
        read.advance()
    assert ids_in(read) == stored


def test_what_a_server_that_began_anew_left_out_is_read_after_all(
    read, vectors: UnsteadyVectors, stored: set[str]
) -> None:
    """A cursor means nothing to another life of the server: it goes on somewhere, without an error."""

    def skip(each: Iterator[Embedding]) -> Iterator[Embedding]:
        next(each)
        yield from each

    vectors.accident = skip
    assert ids_in(read) == stored


def test_a_change_while_it_is_read_is_seen(
    read, vectors: UnsteadyVectors, stored: set[str], new_media: NewMedia
) -> None:
    gone, new = next(iter(stored)), new_media()
    assert not read.advance()
    vectors.delete("acme", gone)
    vectors.put("acme", "m", "image", new, [RED_BYTES])
    assert ids_in(read) == stored - {gone} | {new}


def test_of_parts_that_changed_since_it_was_read_no_words_are_known(
    read, vectors: UnsteadyVectors, new_media: NewMedia
) -> None:
    film = new_media(kind="video")
    vectors.put("acme", "m", "video", film, [RED_BYTES, RED_BYTES], [Part("label", "fox"), Part("speech", "hello")])
    ids_in(read)
    now = (Part("label", "fox"), Part("speech", "hello"), Part("speech", "a fox"))
    assert read.worth("fox", {film: now[:2]})[film].tolist() == pytest.approx([0.3, 0])
    assert read.worth("fox", {film: now})[film].tolist() == [0, 0, 0]
