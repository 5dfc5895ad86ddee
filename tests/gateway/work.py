"""A worker for tests, so small that each test says what becomes of which task."""

import json
import uuid
from typing import Any

from broker.broker import Broker
from broker.engine.transitions import Claim, Claimed
from broker.media.records import info_fields

_LEASE_US = 60_000_000


def start(broker: Broker) -> tuple[Claimed, Claim]:
    """Begin the next task; there must be one."""
    claim = Claim("tester", uuid.uuid4().hex, ",".join(sorted(broker.types)), _LEASE_US)
    claimed = broker.transitions.claim(claim)
    assert isinstance(claimed, Claimed), claimed
    return claimed, claim


def complete(broker: Broker, result: Any = None, media_id: str = "", used: str = "", **info: Any) -> str:
    """Run the next task well; returns its id. ``info`` goes into the media record, ``used`` into the ledger."""
    claimed, claim = start(broker)
    pairs = tuple(part for pair in info_fields(info).items() for part in pair)
    idle = claim._replace(execution="")
    outcome, _ = broker.transitions.finish(claimed.id, claim.execution, json.dumps(result), idle, media_id, pairs, used)
    assert outcome == "completed"
    return claimed.id


def fail(broker: Broker, message: str = "it broke") -> str:
    """Run the next task so badly that no retry helps; returns its id."""
    claimed, claim = start(broker)
    outcome, _ = broker.transitions.fail(claimed.id, claim.execution, message, "", None, claim._replace(execution=""))
    assert outcome == "failed"
    return claimed.id
