"""Keys let in whom they belong to, as long as they are meant to, and tell nobody else anything."""

import re
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import UUID

import pytest
from redis import Redis

from broker.access.api_keys import MAX_KEYS, ApiKeys, NewKey, TooManyKeys
from broker.access.key_text import id_of, new_key
from broker.access.records import tenant_id
from broker.access.scopes import Scope
from broker.clock import to_rfc3339
from broker.engine.keys import Keys
from broker.errors import InvalidInput, NotFound
from tests.broker.access.conftest import HOUR, OPS, MovableClock

READ = frozenset({Scope.READ})
ACME = NewKey("acme", "ci", frozenset({Scope.READ, Scope.WRITE}))


def test_a_key_says_whose_it_is_and_what_it_is_good_for(api_keys: ApiKeys) -> None:
    key, text = api_keys.create(ACME, OPS)
    assert re.fullmatch(rf"mt_{key.id}_[0-9a-f]{{64}}", text)
    found = api_keys.identify(text)
    assert found and (found.tenant, found.scopes, found.is_former) == ("acme", ACME.scopes, False)
    assert (key.name, key.tenant, key.scopes, key.created_by) == ("ci", "acme", ["read", "write"], "API_KEYS:1")
    assert (key.expires_at, key.expired, key.last_used_at, key.rotated_at) == (None, False, None, None)


def test_redis_never_holds_the_secret(api_keys: ApiKeys, redis: Redis) -> None:
    key, text = api_keys.create(ACME, OPS)
    rotated, _ = api_keys.rotate(key.id, 60, OPS)
    dumps = b"".join(redis.dump(each) for each in redis.keys("*"))
    for each in (text, rotated):
        assert each.rpartition("_")[2].encode() not in dumps
        assert each not in repr(api_keys.get(key.id))


def other_digit(text: str) -> str:
    return text[:-1] + ("0" if text[-1] != "0" else "1")


@pytest.mark.parametrize(
    "spoil",
    [
        lambda text: new_key(id_of(text)), other_digit, lambda text: text[:-1], lambda text: text + "0",
        str.upper, lambda text: f" {text}", lambda text: f"{text}\n", lambda text: text.replace("_", "-"),
        lambda text: text.removeprefix("mt_"), lambda text: text + "é",
        lambda text: text.replace("a", "\N{CYRILLIC SMALL LETTER A}"),
        lambda text: text.translate({ord("1"): "\N{FULLWIDTH DIGIT ONE}"}),
        lambda text: text * 1000, lambda _: "", lambda _: "mt__",
        lambda text: f"mt_{id_of(text)[:-1]}*_" + text[-64:],
    ],
)  # fmt: skip
def test_nothing_else_is_the_key(api_keys: ApiKeys, spoil: Any) -> None:
    _, text = api_keys.create(ACME, OPS)
    spoiled = spoil(text)
    if spoiled != text:  # no letter or digit of that kind was in it
        assert api_keys.identify(spoiled) is None


def test_unknown_and_wrong_keys_take_the_same_way(api_keys: ApiKeys, monkeypatch: pytest.MonkeyPatch) -> None:
    """One command and the same comparisons, of digests of one length, in constant time."""
    compared: list[tuple[int, int]] = []
    monkeypatch.setattr(
        "broker.access.records.hmac.compare_digest", lambda a, b: compared.append((len(a), len(b))) or a == b
    )
    key, text = api_keys.create(ACME, OPS)
    sent: list[Any] = []
    run = api_keys._pool.run
    monkeypatch.setattr(api_keys._pool, "run", lambda *words: sent.append(words[0]) or run(*words))
    for tried in (text, new_key(key.id), new_key("0" * 12)):
        compared.clear()
        sent.clear()
        assert bool(api_keys.identify(tried)) == (tried == text)
        assert (compared, sent) == ([(64, 64)] * 2, ["HMGET"])


def test_what_is_no_key_of_ours_is_not_looked_up(api_keys: ApiKeys, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api_keys._pool, "run", None)
    for tried in ("acme-key", "mt_", "mt_x_y", "x" * 100_000, "mt_" + "0" * 12 + "_" + "g" * 64):
        assert api_keys.identify(tried) is None


def test_a_revoked_key_is_gone(api_keys: ApiKeys, redis: Redis, keys: Keys) -> None:
    key, text = api_keys.create(ACME, OPS)
    found = api_keys.identify(text)
    assert found and api_keys.valid([found.credential])
    api_keys.revoke(key.id, OPS)
    assert api_keys.identify(text) is None
    assert not api_keys.valid([found.credential])
    assert api_keys.page(limit=10, offset=0) == ([], 0)
    for again in (lambda: api_keys.revoke(key.id, OPS), lambda: api_keys.get(key.id)):
        with pytest.raises(NotFound):
            again()
    api_keys.note_use(found)
    assert not redis.exists(keys.api_key(key.id)), "a late note left something of the key"


def test_a_key_ends_when_it_is_to_end(api_keys: ApiKeys, clock: MovableClock) -> None:
    end = clock.now_us() + HOUR
    key, text = api_keys.create(ACME._replace(expires_us=end), OPS)
    assert api_keys.identify(text) and key.expires_at == to_rfc3339(end) and not key.expired
    clock.ahead_us = HOUR
    assert api_keys.identify(text) is None
    assert api_keys.get(key.id).expired
    with pytest.raises(InvalidInput):
        api_keys.create(ACME._replace(expires_us=clock.now_us()), OPS)


class TestRotation:
    def test_the_former_secret_is_valid_until_the_overlap_is_over(self, api_keys: ApiKeys, clock: MovableClock) -> None:
        key, former = api_keys.create(ACME, OPS)
        present, until = api_keys.rotate(key.id, 3600, OPS)
        assert api_keys.get(key.id).former_until == until
        was, now = api_keys.identify(former), api_keys.identify(present)
        assert was and now and (was.is_former, now.is_former) == (True, False)
        assert was.credential.key_id == now.credential.key_id == key.id
        clock.ahead_us = HOUR + 1_000_000
        assert api_keys.identify(former) is None
        assert not api_keys.valid([was.credential])
        assert api_keys.identify(present)
        assert api_keys.get(key.id).former_until is None

    def test_without_an_overlap_it_ends_at_once(self, api_keys: ApiKeys) -> None:
        key, former = api_keys.create(ACME, OPS)
        present, _ = api_keys.rotate(key.id, 0, OPS)
        assert api_keys.identify(former) is None
        assert api_keys.identify(present)

    def test_at_most_one_former_secret_is_valid(self, api_keys: ApiKeys) -> None:
        key, first = api_keys.create(ACME, OPS)
        second, _ = api_keys.rotate(key.id, 3600, OPS)
        third, _ = api_keys.rotate(key.id, 3600, OPS)
        assert [bool(api_keys.identify(each)) for each in (first, second, third)] == [False, True, True]
        api_keys.rotate(key.id, 0, OPS)
        assert not any(api_keys.identify(each) for each in (first, second, third))

    def test_it_prolongs_nothing(self, api_keys: ApiKeys, clock: MovableClock) -> None:
        key, former = api_keys.create(ACME._replace(expires_us=clock.now_us() + HOUR), OPS)
        present, _ = api_keys.rotate(key.id, 7 * 24 * 3600, OPS)
        clock.ahead_us = HOUR
        assert api_keys.identify(former) is api_keys.identify(present) is None


@pytest.mark.parametrize(
    "key_id", ["", "0" * 12, "0" * 11, "*", "ABCDEFABCDEF", "1" * 13, "\N{FULLWIDTH DIGIT ONE}" * 12]
)
def test_there_is_no_such_key(api_keys: ApiKeys, key_id: str) -> None:
    calls = (api_keys.get, lambda each: api_keys.rotate(each, 1, OPS), lambda each: api_keys.revoke(each, OPS))
    for call in calls:
        with pytest.raises(NotFound):
            call(key_id)


def test_no_key_takes_the_id_of_another(api_keys: ApiKeys, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither by chance nor by a request that is made anew, which finds its own."""
    first, text = api_keys.create(ACME, OPS)
    ids = iter([first.id, "0" * 12, "1" * 12])
    monkeypatch.setattr("broker.access.api_keys.new_id", lambda: next(ids))
    assert api_keys.create(ACME, OPS)[0].id == "0" * 12
    assert api_keys.create(ACME._replace(tenant="b"), OPS, UUID(first.id + "0" * 20))[0].id == "1" * 12
    assert api_keys.identify(text)
    again, other = api_keys.create(ACME, OPS, UUID(first.id + "0" * 20))
    assert again.id == first.id and api_keys.identify(other) and not api_keys.identify(text)
    assert api_keys.page(limit=10, offset=0)[1] == 3


def test_a_scope_of_a_later_release_is_none_here(api_keys: ApiKeys, redis: Redis, keys: Keys) -> None:
    key, text = api_keys.create(ACME, OPS)
    redis.hset(keys.api_key(key.id), "scopes", "read,admin2,metrics")
    found = api_keys.identify(text)
    assert found and found.scopes == READ
    assert api_keys.get(key.id).scopes == ["read"]


def test_a_tenant_is_known_while_it_has_a_valid_key(api_keys: ApiKeys, clock: MovableClock) -> None:
    acme = tenant_id("acme")
    assert api_keys.tenant_name(acme) is None
    lasting, _ = api_keys.create(ACME, OPS)
    ending, _ = api_keys.create(ACME._replace(expires_us=clock.now_us() + HOUR), OPS)
    assert api_keys.tenant_name(acme) == "acme"
    api_keys.revoke(lasting.id, OPS)
    assert api_keys.tenant_name(acme) == "acme"
    clock.ahead_us = HOUR
    assert api_keys.tenant_name(acme) is None
    clock.ahead_us = 0
    api_keys.revoke(ending.id, OPS)
    assert api_keys.tenant_name(acme) is None


def test_pages_are_of_all_or_of_one_tenant(api_keys: ApiKeys) -> None:
    made = [api_keys.create(ACME._replace(tenant=each), OPS)[0].id for each in ("acme", "b", "acme", "b.2")]
    ids = [each.id for each in api_keys.page(limit=10, offset=0)[0]]
    assert ids == made[::-1]
    page, total = api_keys.page(limit=1, offset=1, tenant="acme")
    assert ([each.id for each in page], total) == ([made[0]], 2)
    assert api_keys.page(limit=10, offset=0, tenant="nobody") == ([], 0)


def test_a_tenant_cannot_have_more_than_that(api_keys: ApiKeys) -> None:
    """Not by asking many times at once either."""
    with ThreadPoolExecutor(8) as pool:
        asked = [pool.submit(api_keys.create, ACME, OPS) for _ in range(MAX_KEYS + 10)]
    refused = [each.exception() for each in asked if each.exception()]
    assert [type(each) for each in refused] == [TooManyKeys] * 10
    assert api_keys.page(limit=1, offset=0)[1] == MAX_KEYS
    api_keys.create(ACME._replace(tenant="other"), OPS)


def test_keys_that_expired_long_ago_make_room(api_keys: ApiKeys, redis: Redis, keys: Keys) -> None:
    """A pipeline that makes itself a key each day never comes to the bound."""
    made = [api_keys.create(ACME, OPS)[0].id for _ in range(MAX_KEYS)]
    long_ago = api_keys._clock.now_us() - 31 * 24 * HOUR
    for each in made[:5]:
        redis.hset(keys.api_key(each), "expires_us", long_ago)
    redis.hset(keys.api_key(made[5]), "expires_us", long_ago + 2 * 24 * HOUR)
    newest, _ = api_keys.create(ACME, OPS)
    left = {each.id for each in api_keys.page(limit=200, offset=0)[0]}
    assert left == {*made[5:], newest.id}
    assert not any(redis.exists(keys.api_key(each)) for each in made[:5])


def test_use_is_noted_once_a_minute(api_keys: ApiKeys, clock: MovableClock, monkeypatch: pytest.MonkeyPatch) -> None:
    key, text = api_keys.create(ACME, OPS)
    noted: list[str] = []
    run = api_keys._run
    monkeypatch.setattr(api_keys, "_run", lambda name, **values: noted.append(name) or run(name, **values))
    for _ in range(5):
        found = api_keys.identify(text)
        assert found
        api_keys.note_use(found)
    assert noted == ["touch_key"]
    assert api_keys.get(key.id).last_used_at
    other = ApiKeys(api_keys._pool, api_keys._keys, clock)  # another process
    monkeypatch.setattr(other, "_run", lambda name, **values: noted.append(name) or run(name, **values))
    found = other.identify(text)
    assert found
    other.note_use(found)
    assert noted == ["touch_key"]
    clock.ahead_us = 61 * 1_000_000
    other.note_use(found)
    assert noted == ["touch_key", "touch_key"]
