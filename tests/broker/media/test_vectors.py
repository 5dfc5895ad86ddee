"""Guards the vector store: what is put is read back, changes can be followed, no vector is mixed up or left over."""

from typing import Any

import pytest
from redis import Redis

from broker.engine.keys import Keys
from broker.errors import NotFound
from broker.media.parts import Part
from broker.media.vectors import Changes, Embedding, Put, RedisVectors
from tests.search_fixtures import NewMedia, set_back

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


def test_large_files_are_read_a_few_at_a_time(
    vectors: RedisVectors, redis: Redis, keys: Keys, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A document of two hundred passages has as many bytes as two hundred pictures."""
    part = b"x" * 768
    document = b"document 200\n" + 200 * part
    redis.hset(keys.vectors("acme", "m"), mapping={str(number): document for number in range(100)})
    pages: list[int] = []
    hscan = Redis.hscan

    def counted(client: Redis, *arguments: Any, **options: Any) -> Any:
        cursor, found = hscan(client, *arguments, **options)
        pages.append(len(found))
        return cursor, found

    monkeypatch.setattr(Redis, "hscan", counted)
    assert {each.entity_id for each in vectors.all("acme", "m")} == {str(number) for number in range(100)}
    assert len(pages) >= 10
    assert max(pages[1:]) <= 20


def test_several_are_put_with_one_call(vectors: RedisVectors, new_media: NewMedia) -> None:
    """As each by itself, whoever's they are; one that is gone keeps none of the others out."""
    first, gone, other = new_media(), "550e8400-e29b-41d4-a716-446655440009", new_media("globex", kind="document")
    words = [Part("passage", "rain in spring"), Part("name", "rain")]
    puts = [
        Put("acme", "m", "image", first, [RED]),
        Put("acme", "m", "image", gone, [RED]),
        Put("acme", "m", "document", other, [RED]),
        Put("globex", "m", "document", other, [GREEN, BLUE], words),
    ]
    assert vectors.put_each(puts) == [True, False, False, True]
    assert list(vectors.all("acme", "m")) == [Embedding("image", first, (RED,))]
    assert list(vectors.all("globex", "m")) == [Embedding("document", other, (GREEN, BLUE))]
    assert vectors.parts("globex", "m", [other]) == {other: tuple(words)}
    assert vectors.put_each([]) == []


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
    before = {model: vectors.version("acme", model) for model in ("m", "n")}
    vectors.delete("acme", gone)
    for model in ("m", "n"):
        assert [each.entity_id for each in vectors.all("acme", model)] == [kept]
        assert vectors.changes("acme", model, before[model]) == Changes(
            vectors.version("acme", model), (), (gone,), complete=True, total=1
        )


def test_deleting_what_is_not_there_changes_nothing(vectors: RedisVectors, new_media: NewMedia) -> None:
    kept = new_media()
    vectors.put("acme", "m", "image", kept, [RED])
    version = vectors.version("acme", "m")
    vectors.delete("acme", new_media())
    assert vectors.version("acme", "m") == version


def test_models_and_tenants_are_never_mixed(vectors: RedisVectors, new_media: NewMedia) -> None:
    mine, theirs = new_media("acme"), new_media("rival")
    vectors.put("acme", "m", "image", mine, [RED])
    vectors.put("acme", "other/model", "image", mine, [GREEN])
    vectors.put("rival", "m", "image", theirs, [BLUE])
    assert [each.parts for each in vectors.all("acme", "m")] == [(RED,)]
    assert [each.parts for each in vectors.all("acme", "other/model")] == [(GREEN,)]
    vectors.delete("acme", theirs)
    assert [each.parts for each in vectors.all("rival", "m")] == [(BLUE,)]


def test_every_change_has_a_version_and_can_be_followed(vectors: RedisVectors, new_media: NewMedia) -> None:
    first, second = new_media(), new_media()
    assert vectors.version("acme", "m") == ""
    assert vectors.changes("acme", "m", "") == Changes("", (), (), complete=True, total=0)
    vectors.put("acme", "m", "image", first, [RED])
    after_first = vectors.version("acme", "m")
    vectors.put("acme", "m", "image", second, [GREEN])
    vectors.put("acme", "m", "image", second, [BLUE])
    last = vectors.version("acme", "m")
    one, other = Embedding("image", first, (RED,)), Embedding("image", second, (BLUE,))
    assert vectors.changes("acme", "m", "") == Changes(last, (one, other), (), complete=True, total=2)
    assert vectors.changes("acme", "m", after_first) == Changes(last, (other,), (), complete=True, total=2)
    assert vectors.changes("acme", "m", last) == Changes(last, (), (), complete=True, total=2)


def test_many_changes_come_in_slices(vectors: RedisVectors, new_media: NewMedia) -> None:
    media = [new_media() for _ in range(120)]
    for each in media:
        vectors.put("acme", "m", "image", each, [RED])
    slices = [vectors.changes("acme", "m", "")]
    while not slices[-1].complete:
        slices.append(vectors.changes("acme", "m", slices[-1].version))
    assert [[each.entity_id for each in one.put] for one in slices] == [media[:50], media[50:100], media[100:]]
    assert slices[-1].version == vectors.version("acme", "m")


def test_a_reader_that_missed_dropped_changes_is_told_so(
    vectors: RedisVectors, new_media: NewMedia, redis: Redis, keys: Keys
) -> None:
    media, versions = new_media(), []
    for _ in range(5):
        vectors.put("acme", "m", "image", media, [RED])
        versions.append(vectors.version("acme", "m"))
    redis.xtrim(keys.vector_changes("acme", "m"), maxlen=2, approximate=False)
    assert vectors.changes("acme", "m", versions[2]) is None
    assert vectors.changes("acme", "m", versions[3]) is not None
    assert vectors.changes("acme", "m", "") is None
    redis.flushall()
    assert vectors.changes("acme", "m", versions[3]) is None


def test_a_version_is_not_given_again_when_the_server_has_lost_it(
    vectors: RedisVectors, new_media: NewMedia, redis: Redis, keys: Keys
) -> None:
    kept, lost, another = new_media(), new_media(), new_media()
    vectors.put("acme", "m", "image", kept, [RED])
    with set_back(redis, keys.vectors("acme", "m"), keys.vector_changes("acme", "m")):
        vectors.put("acme", "m", "image", lost, [GREEN])
        version = vectors.version("acme", "m")
    assert vectors.changes("acme", "m", version) is None
    vectors.put("acme", "m", "image", another, [BLUE])
    assert vectors.changes("acme", "m", version) is None


def test_what_releases_before_nonces_wrote_is_followed(
    vectors: RedisVectors, new_media: NewMedia, redis: Redis, keys: Keys
) -> None:
    media = new_media()
    redis.hset(keys.vectors("acme", "m"), "old", "image 1\nabcd")
    redis.xadd(keys.vector_changes("acme", "m"), {"media": "old"}, id="1-0")
    vectors.put("acme", "m", "image", media, [RED])
    changes = vectors.changes("acme", "m", "1-0")
    assert changes is not None
    assert changes.put == (Embedding("image", media, (RED,)),)


@pytest.mark.parametrize("stored", ["", "image", "image 0\nabc", "image 2\nabc", "image x\nabc"])
def test_what_is_no_vector_does_not_hide_the_others(
    vectors: RedisVectors, new_media: NewMedia, redis: Redis, keys: Keys, stored: str
) -> None:
    media = new_media()
    vectors.put("acme", "m", "image", media, [RED])
    redis.hset(keys.vectors("acme", "m"), "broken", stored)
    found = {each.entity_id: each for each in vectors.all("acme", "m")}
    assert found == {media: Embedding("image", media, (RED,)), "broken": Embedding("", "broken", ())}


def test_a_file_that_is_gone_or_another_tenants_gets_no_vectors(
    vectors: RedisVectors, new_media: NewMedia, redis: Redis, keys: Keys
) -> None:
    deleted, theirs = new_media(), new_media("rival")
    redis.delete(keys.media(deleted))
    for media_id in (deleted, theirs):
        with pytest.raises(NotFound):
            vectors.put("acme", "m", "image", media_id, [RED])
    assert list(vectors.all("acme", "m")) == []
    assert vectors.version("acme", "m") == ""


@pytest.mark.parametrize("parts", [[], [b""], [RED, b"longer one"]])
def test_vectors_of_no_or_different_length_are_a_mistake(
    vectors: RedisVectors, new_media: NewMedia, parts: list[bytes]
) -> None:
    with pytest.raises(ValueError, match="one length"):
        vectors.put("acme", "m", "image", new_media(), parts)
