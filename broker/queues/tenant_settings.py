"""What an operator sets for a tenant: its weight in every queue, and its own caps of a type."""

from collections.abc import Callable, Mapping
from typing import Any

from msgspec import Struct
from redis import Redis

from broker.engine.connection import redis_errors
from broker.engine.transitions import Transitions
from broker.errors import InvalidInput
from broker.queues.limits import burst_argument, concurrency_argument, rate_argument
from broker.task_type import TaskTypes
from broker.usage import quotas

#: Of a tenant for which nothing is set.
USUAL_WEIGHT = 1.0
MIN_WEIGHT, MAX_WEIGHT = 0.01, 1000.0
#: Stands for no cap in what the scripts keep of a tenant; '' is the type's own.
_NO_CAP = "none"


class Caps(Struct, frozen=True):
    """A tenant's caps of a type; ``"type"`` where those of the type hold, ``None`` for none."""

    rate: float | str | None = "type"
    burst: int | str = "type"
    concurrency: int | str | None = "type"


class TenantSettings(Struct, frozen=True):
    """All that is set for a tenant; types without caps of its own are left out."""

    name: str
    weight: float
    caps: dict[str, Caps]
    #: Its own quotas by name, ``None`` for none; those that hold for every tenant are left out.
    quotas: dict[str, int | None] = {}


class TenantStore:
    """On one Redis client with ``decode_responses=True``."""

    def __init__(self, redis: "Redis", store: Transitions, types: TaskTypes) -> None:
        self._redis = redis
        self._store = store
        self._types = types

    def get(self, name: str) -> TenantSettings:
        """What is set for a tenant, whether it has ever submitted anything or not."""
        keys = self._store.keys
        types = sorted(self._types)
        with redis_errors(), self._redis.pipeline(transaction=True) as reads:
            reads.hget(keys.weights(), name)
            reads.hmget(keys.tenant_limits(), [f"{name} {each}" for each in types] or [""])
            reads.hget(keys.quotas(), name)
            weight, rows, own = reads.execute()
        caps = {each: _caps(row) for each, row in zip(types, rows, strict=False) if row}
        return TenantSettings(name, float(weight or USUAL_WEIGHT), caps, quotas.read(own))

    def put(
        self,
        name: str,
        weight: float,
        caps: Mapping[str, Mapping[str, Any]],
        own_quotas: Mapping[str, int | None],
    ) -> TenantSettings:
        """Sets all of it anew, for the next claim on. Raises ``InvalidInput``."""
        if not MIN_WEIGHT <= weight <= MAX_WEIGHT:
            raise _invalid("/weight", f"must lie between {MIN_WEIGHT:g} and {MAX_WEIGHT:g}")
        unknown = sorted(caps.keys() - self._types.keys())
        if unknown:
            raise _invalid(f"/caps/{unknown[0]}", f"must be one of {', '.join(sorted(self._types))}")
        flat = [part for each in sorted(self._types) for part in (each, _argument(each, caps.get(each, {})))]
        with redis_errors():
            words = "" if weight == USUAL_WEIGHT else repr(weight)
            self._store.set_tenant(name, words, flat, quotas.stored(own_quotas))
        return self.get(name)


def _argument(type_name: str, caps: Mapping[str, Any]) -> str:
    """As set_tenant.lua takes them: ``rate/burst/concurrency``, '' for none of its own."""
    arguments = {"rate": rate_argument, "burst": burst_argument, "concurrency": concurrency_argument}
    words = [
        _word(argument, caps.get(name, "type"), f"caps/{type_name}/{name}") for name, argument in arguments.items()
    ]
    return "/".join(words) if any(words) else ""


def _word(argument: Callable[[Any, str], str], value: Any, pointer: str) -> str:
    if value == "type":
        return ""
    return _NO_CAP if value is None else argument(value, pointer)


def _caps(row: str) -> Caps:
    rate, burst, concurrency = row.split("/")
    shown_rate = {"": "type", _NO_CAP: None}.get(rate, rate)
    return Caps(
        rate=int(shown_rate) / 1000 if shown_rate not in ("type", None) else shown_rate,
        burst=int(burst) if burst else "type",
        concurrency=None if concurrency == _NO_CAP else int(concurrency) if concurrency else "type",
    )


def _invalid(pointer: str, detail: str) -> InvalidInput:
    return InvalidInput(errors=[{"pointer": pointer, "detail": detail}])
