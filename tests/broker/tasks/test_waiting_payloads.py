"""A release whose schema refuses what waits is told so in words before it can fail a task."""

import logging
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from marshmallow import fields
from marshmallow.validate import NoneOf

from broker.broker import Broker
from broker.config import BrokerSettings
from broker.doctor.server import payload_findings
from broker.engine.transitions import Claim
from broker.errors import InvalidInput
from broker.schema import Schema
from broker.status import Status
from broker.task import NewTask
from broker.task_type import TaskType
from broker.tasks.waiting_payloads import current_payload, refused_payloads
from broker.worker.handlers import load_handler
from scripts.worker import understood


class Old(Schema):
    name = fields.String(required=True)


class New(Schema):
    first = fields.String(required=True)
    last = fields.String(load_default="", dump_default="")


class Shown(Schema):
    """Dumps more than it takes."""

    name = fields.String(required=True)
    length = fields.Function(lambda it: len(it["name"]), dump_only=True)


class Odd(Schema):
    """Loads one form, dumps another."""

    name = fields.Function(lambda it: [it["name"]], lambda value: str(value.upper()), required=True)


def say(context: Any) -> dict[str, Any]:
    return dict(context.payload)


def upgrade(payload: dict[str, Any]) -> dict[str, Any]:
    return {"first": payload["name"]}


def upgrade_badly(payload: dict[str, Any]) -> dict[str, Any]:
    raise KeyError("nme")


GREETING = TaskType("Greeting", Old, f"{__name__}:say")
NEXT = replace(GREETING, payload=New)
Release = Callable[..., Broker]


@pytest.fixture
def release(settings: BrokerSettings) -> Release:
    """A broker of a release with these types."""
    return lambda *types: Broker.connect(settings, {each.name: each for each in types})


def submit(broker: Broker, name: str = "Ada", **options: Any) -> str:
    return broker.tasks.submit("acme", NewTask("Greeting", {"name": name}, **options))[0].id


def refused(broker: Broker) -> list[str]:
    return [str(each) for each in refused_payloads(broker.redis, broker.keys, broker.types)]


def test_what_waits_where_it_may_is_looked_at(release: Release) -> None:
    old = release(GREETING)
    assert refused(release(NEXT)) == []
    places: list[dict[str, Any]] = [{}, {"priority": 7}, {"delay_seconds": 3600.0}]
    for options in places:
        task_id = submit(old, **options)
        (told,) = refused(release(NEXT))
        assert told.startswith(f"Greeting: 1 of 1 unfinished tasks that were looked at have payloads which its schema "
                               f"refuses now, such as {task_id} (/payload/")  # fmt: skip
        assert "`upgrade`" in told
        old.tasks.cancel("acme", task_id)
        assert refused(release(NEXT)) == []
    task_id = submit(old)
    old.transitions.claim(Claim("w", "x", "Greeting", 1_000_000))
    assert old.tasks.get("acme", task_id).status == Status.PROCESSING
    assert len(refused(release(NEXT))) == 1


def test_what_fits_is_no_obstacle(release: Release) -> None:
    submit(release(GREETING))
    wider = type("Wider", (Old,), {"title": fields.String()})
    assert refused(release(GREETING)) == refused(release(replace(GREETING, payload=wider))) == []


def test_the_sample_is_bounded_and_has_both_ends(release: Release) -> None:
    old = release(GREETING)
    mixed = type("Mixed", (Schema,), {"name": fields.String(required=True, validate=NoneOf(["last"]))})
    old.tasks.submit_many("acme", [NewTask("Greeting", {"name": "x"}) for _ in range(100)])
    submit(old, "last")
    (found,) = refused_payloads(old.redis, old.keys, {"Greeting": replace(GREETING, payload=mixed)})
    assert (found.looked_at, found.refused) == (50, 1)


def test_tasks_of_a_newer_release_are_that_releases_affair(release: Release) -> None:
    newer = release(replace(NEXT, version=2, min_version=2))
    newer.tasks.submit("acme", NewTask("Greeting", {"first": "Ada"}))
    assert refused(release(GREETING)) == []


def test_a_payload_that_a_foreign_hand_has_spoilt_stops_no_release(release: Release) -> None:
    broker = release(GREETING)
    broker.redis.hset(broker.keys.job(submit(broker)), "payload", "{")
    assert refused(broker) == []


def test_what_upgrades_is_tried(release: Release) -> None:
    submit(release(GREETING))
    assert refused(release(replace(NEXT, upgrade=f"{__name__}:upgrade"))) == []
    (told,) = refused(release(replace(NEXT, upgrade=f"{__name__}:upgrade_badly")))
    assert "test_waiting_payloads:upgrade_badly: KeyError: 'nme'" in told


def test_a_handler_gets_old_payloads_in_their_present_form() -> None:
    task_type = replace(NEXT, upgrade=f"{__name__}:upgrade")
    handler = load_handler(task_type)

    class Context:
        payload: dict[str, Any]

    for stored, seen in (({"name": "Ada"}, {"first": "Ada"}), ({"first": "Bob"}, {"first": "Bob"})):
        context: Any = Context()
        context.payload = stored
        assert handler(context) == seen
    with pytest.raises(InvalidInput):
        current_payload(NEXT, {"name": "Ada"})


@pytest.mark.parametrize("schema", [Shown, Odd])
def test_a_schema_that_dumps_what_it_does_not_load(release: Release, schema: type[Schema]) -> None:
    task_type = replace(GREETING, payload=schema, loads_what_it_dumps=schema is not Odd)
    broker = release(task_type)
    submit(broker)
    assert refused(broker) == []


class TestProcesses:
    def test_the_release_check_refuses(self, release: Release) -> None:
        submit(release(GREETING))
        (told,) = payload_findings(release(NEXT))
        assert told.startswith("Greeting: 1 of 1")

    def test_a_worker_leaves_the_type_to_others(
        self, release: Release, settings: BrokerSettings, caplog: pytest.LogCaptureFixture
    ) -> None:
        other = replace(GREETING, name="Other")
        types = {"Greeting": NEXT, "Other": other}
        assert understood(settings, types) == types
        submit(release(GREETING))
        with caplog.at_level(logging.ERROR):
            assert understood(settings, types) == {"Other": other}
        assert "left to other workers: Greeting: 1 of 1" in caplog.text
        with pytest.raises(ValueError, match="Greeting: 1 of 1"):
            understood(settings, {"Greeting": NEXT})

    def test_a_server_that_is_away_is_no_obstacle(self, settings: BrokerSettings) -> None:
        away = replace(settings, redis_url="redis://127.0.0.1:1/0")
        assert understood(away, {"Greeting": NEXT}) == {"Greeting": NEXT}

    def test_names_are_checked_when_the_type_is_declared(self) -> None:
        with pytest.raises(ValueError, match="upgrade 'nothing' must read"):
            replace(GREETING, upgrade="nothing")
