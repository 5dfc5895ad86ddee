"""Guards the vector store: what is put is read back, changes can be followed, no vector is mixed up or left over."""

import pytest
from redis import Redis

from broker.engine.keys import Keys
from broker.errors import NotFound
from broker.media.vectors import Embedding, RedisVectors
from tests.search.conftest import NewMedia

RED, GREEN, BLUE = b"\x00\n\xff \r", b"green", b"\xffblu\n"


def test_vectors_are_read_back_whatever_their_bytes(vectors: RedisVectors, new_media: NewMedia) -> None:
    picture, film = new_media(), new_media(kind="video")
    vectors.put("acme", "m", "image", picture, [RED])
    vectors.put("acme", "m", "video", film, [GREEN, RED, BLUE])
    found = {each.entity_id: each for each in vectors.all("acme", "m")}
    assert found == {
        picture: Embedding("image", picture, (RED,)),
        film: Embedding("video", film, (GREEN, RED, BLUE)),
    }


def test_a_put_replaces_all_parts(vectors: RedisVectors, new_media: NewMedia) -> None:
    film = new_media(kind="video")
    vectors.put("acme", "m", "video", film, [RED, GREEN])
    vectors.put("acme", "m", "video", film, [BLUE])
    assert list(vectors.all("acme", "m")) == [Embedding("video", film, (BLUE,))]


def test_a_deleted_file_is_forgotten_in_every_model(vectors: RedisVectors, new_media: NewMedia) -> None:
    gone, kept = new_media(), new_media()
    for model in ("m", "n"):
        vectors.put("acme", model, "image", gone, [RED])
        vectors.put("acme", model, "image", kept, [GREEN])
    vectors.delete("acme", gone)
    for model in ("m", "n"):
        assert [each.entity_id for each in vectors.all("acme", model)] == [kept]
        changes = vectors.changes("acme", model, 2)
        assert changes is not None
        assert (changes.version, changes.put, changes.deleted) == (3, (), (gone,))


def test_deleting_what_is_not_there_changes_nothing(vectors: RedisVectors, new_media: NewMedia) -> None:
    kept = new_media()
    vectors.put("acme", "m", "image", kept, [RED])
    vectors.delete("acme", new_media())
    assert vectors.version("acme", "m") == 1


def test_models_and_tenants_are_never_mixed(vectors: RedisVectors, new_media: NewMedia) -> None:
    mine, theirs = new_media("acme"), new_media("rival")
    vectors.put("acme", "m", "image", mine, [RED])
    vectors.put("acme", "other/model", "image", mine, [GREEN])
    vectors.put("rival", "m", "image", theirs, [BLUE])
    assert [each.parts for each in vectors.all("acme", "m")] == [(RED,)]
    assert [each.parts for each in vectors.all("acme", "other/model")] == [(GREEN,)]
    vectors.delete("acme", theirs)
    assert [each.parts for each in vectors.all("rival", "m")] == [(BLUE,)]


def test_the_version_grows_with_every_change_and_names_it(vectors: RedisVectors, new_media: NewMedia) -> None:
    first, second = new_media(), new_media()
    assert vectors.version("acme", "m") == 0
    assert vectors.changes("acme", "m", 0) is not None
    vectors.put("acme", "m", "image", first, [RED])
    vectors.put("acme", "m", "image", second, [GREEN])
    vectors.put("acme", "m", "image", second, [BLUE])
    assert vectors.version("acme", "m") == 3
    since_first = vectors.changes("acme", "m", 1)
    assert since_first is not None
    assert since_first.version == 3
    assert since_first.put == (Embedding("image", second, (BLUE,)),)
    up_to_date = vectors.changes("acme", "m", 3)
    assert up_to_date is not None
    assert (up_to_date.version, up_to_date.put, up_to_date.deleted) == (3, (), ())


def test_a_reader_that_missed_dropped_changes_is_told_so(
    vectors: RedisVectors, new_media: NewMedia, redis: Redis, keys: Keys
) -> None:
    media = new_media()
    for _ in range(5):
        vectors.put("acme", "m", "image", media, [RED])
    redis.xtrim(keys.vector_changes("acme", "m"), maxlen=2, approximate=False)
    assert vectors.changes("acme", "m", 2) is None
    assert vectors.changes("acme", "m", 3) is not None
    redis.flushall()
    assert vectors.changes("acme", "m", 3) is None


def test_a_file_that_is_gone_or_another_tenants_gets_no_vectors(
    vectors: RedisVectors, new_media: NewMedia, redis: Redis, keys: Keys
) -> None:
    deleted, theirs = new_media(), new_media("rival")
    redis.delete(keys.media(deleted))
    for media_id in (deleted, theirs):
        with pytest.raises(NotFound):
            vectors.put("acme", "m", "image", media_id, [RED])
    assert list(vectors.all("acme", "m")) == []
    assert vectors.version("acme", "m") == 0


@pytest.mark.parametrize("parts", [[], [b""], [RED, b"longer one"]])
def test_vectors_of_no_or_different_length_are_a_mistake(
    vectors: RedisVectors, new_media: NewMedia, parts: list[bytes]
) -> None:
    with pytest.raises(ValueError, match="one length"):
        vectors.put("acme", "m", "image", new_media(), parts)
