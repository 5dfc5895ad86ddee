"""Groups of alike failures: of one type, and with the same message but for numbers, ids, paths and names.

They are counted by the scripts in which a task fails for good (``lua/include/failures.lua``). A tenant has the 1,000
that failed last.
"""

from enum import StrEnum

from msgspec import Struct
from msgspec.structs import replace
from redis import Redis

from broker.actor import Actor, argument
from broker.engine.connection import redis_errors
from broker.engine.keys import Keys
from broker.engine.scripts import Script
from broker.engine.values import number
from broker.errors import NotFound

_MISSING = "There is no group of failures with this id."


class FailureState(StrEnum):
    """What was said of a group."""

    #: Nothing yet, or it was resolved and has failed again.
    OPEN = "open"
    #: What caused it is mended: should it fail again, it is open again, and says so.
    RESOLVED = "resolved"
    #: It stays so, whatever fails.
    IGNORED = "ignored"


class Failure(Struct, frozen=True):
    """One group. Times are RFC 3339 UTC text."""

    id: str
    type: str
    #: What all messages have in common, with ``<n>``, ``<id>``, ``<path>`` and the like for what differs.
    cause: str
    #: The message of the last.
    message: str
    state: FailureState
    #: How many tasks have failed so, each time that one did.
    count: int
    first_at: str
    last_at: str
    #: The newest tasks that are there, five at most; they may have been retried since.
    task_ids: list[str]
    #: Since when it is open again after it was resolved, if it is, and how often that has happened.
    regressed_at: str | None = None
    regressions: int = 0


class Failures:
    """On one Redis client with ``decode_responses=True``. All raise ``Unavailable``."""

    def __init__(self, redis: "Redis", keys: Keys) -> None:
        self._redis = redis
        self._keys = keys
        self._change = Script("change_failure")

    def page(
        self,
        tenant: str,
        *,
        states: tuple[FailureState, ...] = (FailureState.OPEN,),
        types: tuple[str, ...] = (),
        limit: int = 50,
        offset: int = 0,
    ) -> tuple[list[Failure], int]:
        """Groups in these states, those first that failed last, and how many there are."""
        with redis_errors():
            ids = self._redis.zrevrange(self._keys.failures(tenant), 0, -1)
            with self._redis.pipeline(transaction=False) as reads:
                for each in ids:
                    reads.hgetall(self._keys.failure(tenant, each))
                found = reads.execute()
        groups = [_failure(each, fields) for each, fields in zip(ids, found, strict=True) if fields]
        wanted = [each for each in groups if each.state in states and (not types or each.type in types)]
        return self._with_samples(wanted[offset : offset + limit]), len(wanted)

    def get(self, tenant: str, failure_id: str) -> Failure:
        """One group. Raises ``NotFound``."""
        with redis_errors():
            fields = self._redis.hgetall(self._keys.failure(tenant, failure_id))
        if not fields:
            raise NotFound(_MISSING)
        return self._with_samples([_failure(failure_id, fields)])[0]

    def change(self, tenant: str, failure_id: str, state: FailureState, by: Actor | None = None) -> Failure:
        """Says of a group that it is in this state. Raises ``NotFound``."""
        with redis_errors():
            before = self._change(
                self._redis,
                prefix=self._keys.prefix,
                tenant=tenant,
                failure=failure_id,
                state=state,
                actor=argument(by),
            )
        if not before:
            raise NotFound(_MISSING)
        return self.get(tenant, failure_id)

    def _with_samples(self, groups: list[Failure]) -> list[Failure]:
        """The same, without tasks that are gone."""
        ids = [task_id for each in groups for task_id in each.task_ids]
        with redis_errors(), self._redis.pipeline(transaction=False) as reads:
            for each in ids:
                reads.exists(self._keys.job(each))
            there = {each for each, found in zip(ids, reads.execute(), strict=True) if found}
        return [replace(each, task_ids=[found for found in each.task_ids if found in there]) for each in groups]


def _failure(failure_id: str, fields: dict[str, str]) -> Failure:
    return Failure(
        id=failure_id,
        type=fields["type"],
        cause=fields["cause"],
        message=fields["message"],
        state=FailureState(fields["state"]),
        count=number(fields.get("count")),
        first_at=fields["first_at"],
        last_at=fields["last_at"],
        task_ids=[each for each in fields.get("samples", "").split(",") if each],
        regressed_at=fields.get("regressed_at"),
        regressions=number(fields.get("regressions")),
    )
