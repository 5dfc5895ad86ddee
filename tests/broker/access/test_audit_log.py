"""The audit log tells each change once, with who made it, and nobody pushes another's changes out of it."""

import json
import re
from importlib import resources
from typing import Any

import pytest
from redis import Redis

from broker.access.api_keys import ApiKeys, NewKey
from broker.access.audit_log import ACTIONS, AuditLog, Wanted, check_cursor
from broker.access.scopes import Scope
from broker.actor import Actor, argument
from broker.clock import from_rfc3339
from broker.engine.keys import Keys
from broker.engine.scripts import Script, names
from tests.broker.access.conftest import OPS

ALL = Wanted()
ACME, CLI = Actor("0a1b2c3d4e5f", "acme"), Actor("cli:me@here")


def all_of(log: AuditLog, wanted: Wanted = ALL, limit: int = 100) -> list[Any]:
    """Page by page; a page must not be empty unless it is the only one."""
    found, cursor = log.page(wanted, limit=limit)
    while cursor:
        page, cursor = log.page(wanted, limit=limit, cursor=cursor)
        assert page
        found += page
    return found


def test_what_happens_to_a_key_is_told_without_its_secret(api_keys: ApiKeys, log: AuditLog) -> None:
    key, text = api_keys.create(NewKey("acme", "ci", frozenset({Scope.READ})), OPS)
    rotated, until = api_keys.rotate(key.id, 60, ACME)
    api_keys.revoke(key.id, CLI)
    told = sorted(all_of(log), key=lambda each: each.at, reverse=True)  # within a millisecond they stand by tenant
    shown = {"tenant": "acme", "name": "ci", "scopes": ["read"], "expires_at": None}
    assert [(each.action, each.subject, each.before, each.after) for each in told] == [
        ("key.revoked", key.id, shown, None),
        (
            "key.rotated",
            key.id,
            {"rotated_at": None, "former_until": None},
            {"rotated_at": told[1].at, "former_until": until},
        ),
        ("key.created", key.id, None, shown),
    ]
    assert [(each.actor, each.tenant, each.request_id) for each in told] == [
        ("cli:me@here", None, None), ("0a1b2c3d4e5f", "acme", None), ("API_KEYS:1", "ops", "request-7"),
    ]  # fmt: skip
    assert text not in repr(told) and rotated not in repr(told)


def test_filters(log: AuditLog) -> None:
    for actor, action in ((OPS, "key.created"), (ACME, "key.revoked"), (OPS, "key.revoked"), (CLI, "doctor.repaired")):
        log.note(actor, action, "x", {"a": 1}, {"a": [None, "é\n"]})

    def told(**wanted: Any) -> list[tuple[str, str]]:
        return [(each.actor, each.action) for each in all_of(log, Wanted(**wanted), limit=1)]

    assert len(told()) == 4
    assert told(actor=OPS.name) == [(OPS.name, "key.revoked"), (OPS.name, "key.created")]
    assert told(actor=OPS.name, action="key.revoked") == [(OPS.name, "key.revoked")]
    assert told(tenant="acme") == [(ACME.name, "key.revoked")]
    assert told(tenant="") == [(CLI.name, "doctor.repaired")]
    assert told(tenant="nobody") == told(actor="nobody") == []
    moments = [from_rfc3339(each.at) for each in all_of(log)]
    for moment in moments:
        assert len(told(since_us=moment)) == sum(each >= moment for each in moments)
        assert len(told(since_us=moment + 1)) == sum(each > moment for each in moments)
    assert all_of(log)[0].after == {"a": [None, "é\n"]}


def test_pages_tell_each_change_once_also_while_more_are_made(log: AuditLog, redis: Redis) -> None:
    """Also those that two tenants' streams name alike."""
    by = [argument(Actor(f"k{number}", tenant)) for number in range(3) for tenant in ("a", "b", "c-d")]
    for number, each in enumerate(by):
        tenant = json.loads(each)["tenant"]
        redis.sadd(log._keys.audit_logs(), tenant)
        fields = {"at": "2024", "actor": each, "action": "x", "subject": str(number), "before": "", "after": ""}
        redis.xadd(log._keys.audit_log(tenant), fields, id=f"{number // 3 + 1}-0")
    found, cursor = log.page(ALL, limit=2)
    while cursor:
        log.note(OPS, "doctor.repaired", "later")
        page, cursor = log.page(ALL, limit=2, cursor=cursor)
        found += page
    assert sorted(int(each.subject) for each in found) == list(range(9))
    places = [tuple(each.id.split("-", 2)) for each in found]
    assert places == sorted(places, reverse=True)


def test_each_tenant_pushes_out_its_own_changes_only(log: AuditLog, redis: Redis, keys: Keys) -> None:
    log.note(OPS, "key.created", "precious")
    script = Script("note_audit")
    with redis.pipeline(transaction=False) as writes:
        for number in range(5100):
            fields = {
                "at": "2024",
                "actor": argument(ACME),
                "action": "x",
                "subject": str(number),
                "before": "",
                "after": "",
            }
            writes.xadd(keys.audit_log("acme"), fields)
        writes.execute()
    script(redis, prefix="rq", actor=argument(ACME), action="x", subject="last", before="", after="")
    assert redis.xlen(keys.audit_log("acme")) == 5000
    assert [each.subject for each in all_of(log, Wanted(actor=OPS.name))] == ["precious"]
    assert all_of(log, Wanted(tenant="acme"))[0].subject == "last"


def test_a_page_ends_early_rather_than_to_look_at_everything(log: AuditLog, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("broker.access.audit_log.MOST_READ", 3)
    log.note(ACME, "key.created", "first")
    for _ in range(7):
        log.note(OPS, "doctor.repaired", "x")
    pages, cursor = [log.page(Wanted(action="key.created"), limit=5)], ""
    while cursor := pages[-1][1] or "":
        pages.append(log.page(Wanted(action="key.created"), limit=5, cursor=cursor))
    assert [[each.subject for each in found] for found, _ in pages] == [[], [], ["first"]]


@pytest.mark.parametrize(
    "cursor",
    ["x", "1", "1-2", "-1-2-acme", "1-2-" + "a" * 64, "9" * 19 + "-1-a", "\N{ARABIC-INDIC DIGIT ONE}-1-a", "1-2\n-a"],
)
def test_no_cursor_is_made_up(cursor: str) -> None:
    with pytest.raises(ValueError):
        check_cursor(cursor)


def test_every_action_that_a_script_names_can_be_asked_for() -> None:
    texts = [(resources.files("broker.engine") / "lua" / f"{name}.lua").read_text() for name in names()]
    told = {each for text in texts for each in re.findall(r"'([a-z_]+\.[a-z_]+)'", text)}
    assert told and told <= set(ACTIONS)


REPEATED: dict[str, dict[str, Any]] = {
    "create_key": {"id": "new", "tenant": "acme", "tenant_id": "u", "digest": "d", "label": "n", "scopes": "read",
                   "expires_us": "", "most": 5, "creator": "c", "anew": 0},
    "rotate_key": {"digest": "d2", "overlap_us": 5},
    "put_plugin_config": {"tenant": "acme", "plugin": "p", "config": "c", "before": "", "after": "{}"},
    "touch_key": {},
}  # fmt: skip


@pytest.mark.parametrize("name", REPEATED)
def test_a_script_that_is_sent_twice_happens_and_is_told_once(
    name: str, api_keys: ApiKeys, redis: Redis, log: AuditLog
) -> None:
    key, _ = api_keys.create(NewKey("acme", "ci", frozenset({Scope.READ})), OPS)
    redis.set("test:now", 1_700_000_000_000_000)
    values = {"prefix": "rq", "id": key.id, "actor": argument(ACME)} | REPEATED[name]
    if name == "touch_key":
        del values["actor"]
    if name == "put_plugin_config":
        del values["id"]
    script = Script(name, clock="clock_test")
    before, told = _state(redis), len(all_of(log))
    script(redis, **values)
    once = _state(redis)
    assert once != before
    script(redis, **values)
    assert _state(redis) == once
    assert len(all_of(log)) == told + (name != "touch_key")


def _state(redis: Redis) -> dict[str, Any]:
    read = {
        "hash": redis.hgetall, "set": redis.smembers, "string": redis.get, "stream": redis.xrange,
        "zset": lambda key: redis.zrange(key, 0, -1, withscores=True),
    }  # fmt: skip
    return {key: read[redis.type(key)](key) for key in redis.keys("*")}
