"""The quota of requests: what is refused, and how it is told (the IETF draft of RateLimit header fields for HTTP)."""

import math

from flask import Response, g

from broker.access.scopes import Scope
from broker.errors import QuotaExceeded
from broker.usage.quotas import QUOTAS
from broker.usage.requests import Grant
from gateway.auth import Caller
from gateway.current import broker

_REQUESTS = "requests_per_minute"


def admit(caller: Caller) -> None:
    """Counts a request of the caller's tenant. Raises ``QuotaExceeded``. An operator's keys are not counted."""
    if Scope.ADMIN not in caller.scopes and (granted := broker().request_quota.take(caller.tenant.name)):
        g.granted = granted


def tell(response: Response) -> None:
    """Adds the fields to an answer, where the tenant has a quota."""
    granted: Grant | None = g.get("granted")
    if granted:
        _add(response, _REQUESTS, granted.limit, granted.remaining, granted.seconds)


def tell_refusal(response: Response, error: QuotaExceeded) -> None:
    """Adds them to a refusal, of whatever is counted for a time."""
    name, seconds = error.extra["quota"], error.extra.get("retry_after")
    if QUOTAS[name].window and seconds is not None:
        g.pop("granted", None)
        _add(response, name, error.extra["limit"], 0, seconds)


def _add(response: Response, name: str, limit: int, remaining: int, seconds: float) -> None:
    response.headers["RateLimit-Policy"] = f'"{name}";q={limit};w={QUOTAS[name].window}'
    response.headers["RateLimit"] = f'"{name}";r={remaining};t={max(1, math.ceil(seconds))}'
