"""Endpoints and attempts as everyone outside the scripts sees them: plain, frozen records."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from broker.clock import to_rfc3339
from broker.webhooks.events import flow_of_subject

#: Fields of an endpoint's hash that are shown: never the secrets.
SHOWN = ("id", "url", "events", "description", "enabled", "disabled_reason", "failing_since", "created_at")


@dataclass(frozen=True, slots=True)
class Webhook:
    """An endpoint. ``failing_since`` is set while nothing has reached it; ``disabled_reason`` if we disabled it."""

    id: str
    url: str
    events: list[str]
    description: str
    enabled: bool
    disabled_reason: str | None
    failing_since: str | None
    created_at: str


@dataclass(frozen=True, slots=True)
class LoggedAttempt:
    """One line of the log. ``status_code`` is ``None`` when nobody answered, ``error`` when all was well."""

    event_id: str
    type: str
    task_id: str | None
    flow: str | None
    attempt: int
    at: str
    status_code: int | None
    error: str | None
    duration_seconds: float | None
    next_attempt_at: str | None


def webhook(values: Sequence[str | None]) -> Webhook:
    """An endpoint from the values of ``SHOWN``."""
    fields: dict[str, Any] = dict(zip(SHOWN, values, strict=True))
    since = fields["failing_since"]
    fields["events"] = fields["events"].split(",")
    fields["enabled"] = fields["enabled"] == "1"
    fields["failing_since"] = to_rfc3339(int(since)) if since else None
    return Webhook(**fields)


def logged_attempt(values: Mapping[str, str]) -> LoggedAttempt:
    """An attempt from an entry of an endpoint's log."""
    flow = flow_of_subject(values["task"])
    return LoggedAttempt(
        event_id=values["event"],
        type=values["type"],
        task_id=values["task"] if not flow and values["task"] != values["event"] else None,  # a test is about no task
        flow=flow,
        attempt=int(values["attempt"]),
        at=values["at"],
        status_code=int(values["status_code"]) if values["status_code"] else None,
        error=values["error"] or None,
        duration_seconds=int(values["duration_ms"]) / 1000 if values["duration_ms"] else None,
        next_attempt_at=values["next_at"] or None,
    )
