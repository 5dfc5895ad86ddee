"""Guards what is kept beside the vectors: it comes back, goes with them, and what is not of ours is nothing."""

import zlib

import pytest
from redis import Redis

from broker.engine.keys import Keys
from broker.media.parts import MAX_PARTS, MAX_TEXT, Part, pack, unpack
from broker.media.vectors import RedisVectors
from tests.search_fixtures import NewMedia

PARTS = (
    Part("passage", "a fox \u00fc", page=3, offset=120),
    Part("speech", "hello", start=1.5, end=3.25),
    Part("name", "x"),
)


def test_parts_come_back_as_they_were(vectors: RedisVectors, new_media: NewMedia) -> None:
    report, other = new_media(kind="document"), new_media()
    vectors.put("acme", "m", "document", report, [b"12", b"34", b"56"], PARTS)
    vectors.put("acme", "m", "image", other, [b"12"])
    assert vectors.parts("acme", "m", [other, report]) == {report: PARTS}
    assert vectors.parts("acme", "n", [report]) == {}
    assert vectors.parts("acme", "m", []) == {}


def test_they_are_replaced_with_the_vectors_and_never_stand_beside_others(
    vectors: RedisVectors, new_media: NewMedia
) -> None:
    media = new_media()
    vectors.put("acme", "m", "image", media, [b"12"], [Part("label", "cat")])
    vectors.put("acme", "m", "image", media, [b"34"])
    assert vectors.parts("acme", "m", [media]) == {}
    with pytest.raises(ValueError, match="2 parts for 1 vectors"):
        vectors.put("acme", "m", "image", media, [b"34"], [Part("label"), Part("name")])


def test_long_words_are_cut_and_too_many_parts_refused() -> None:
    assert unpack(pack([Part("passage", "x" * (MAX_TEXT + 1))])) == (Part("passage", "x" * MAX_TEXT),)
    with pytest.raises(ValueError, match=f"at most {MAX_PARTS}"):
        pack([Part("passage")] * (MAX_PARTS + 1))


def test_what_is_not_of_this_form_is_nothing(
    vectors: RedisVectors, new_media: NewMedia, redis: Redis, keys: Keys
) -> None:
    packed = pack(PARTS)
    bomb = b"1" + zlib.compress(b"\0" * 2**28)
    for foreign in (None, b"", b"2" + packed[1:], packed[:-3] + b"abc", packed[: len(packed) // 2], b"1junk", bomb):
        assert unpack(foreign) == ()
    assert unpack(packed, 2) == ()
    assert unpack(packed, 3) == PARTS
    media = new_media()
    redis.hset(keys.vector_parts("acme", "m"), media, b"junk")
    assert vectors.parts("acme", "m", [media]) == {}


def test_a_later_release_may_add_members() -> None:
    longer = b"1" + zlib.compress(b"\x91\x97\xa5label\xa3cat\xc0\xc0\xc0\xc0\x2a")
    assert unpack(longer) == (Part("label", "cat"),)
