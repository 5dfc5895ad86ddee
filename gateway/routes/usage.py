"""``/api/usage``: the ledger."""

import csv
import io
from datetime import date, timedelta
from typing import Any

from flask import Response

from broker.access.scopes import Scope
from broker.errors import Forbidden, InvalidInput
from broker.usage.ledger import KEPT_DAYS, Sum
from gateway.blueprint import Blueprint
from gateway.current import broker, caller, tenant
from gateway.fast.json_answers import json_answer
from gateway.schemas.usage import UsageAnswer, UsageQuery, UsageRow

blueprint = Blueprint(
    "usage", __name__, url_prefix="/api/usage", description="What runs have used, as it was measured."
)
_USUAL_DAYS = 30
_answer = UsageAnswer()
_row = UsageRow()


@blueprint.get("")
@blueprint.needs(Scope.READ)
@blueprint.arguments(UsageQuery, location="query")
@blueprint.response(200, UsageAnswer)
@blueprint.tells("text/csv")
def get_usage(query: dict[str, Any]) -> Response:
    """Show what runs have used, and how quotas stand

    Processor time, memory, media seconds and bytes are measured by the workers, of failed and lost runs too, and kept
    for 400 days. Runs below 10 ms are told together, within seconds.
    """
    whose = _whose(query.get("tenant"))
    first, last = _days(query)
    ledger = broker().ledger
    usage = ledger.read(whose, first, last, query.get("by", ()))
    rows = [_shown(each) for each in usage.sums]
    if query["format"] == "csv":
        return _csv(rows)
    answer = {
        "first": str(first),
        "last": str(last),
        "tenant": whose,
        "rows": rows,
        "total": usage.total._asdict(),
        "uploads": usage.uploads,
        "uploaded_bytes": usage.uploaded_bytes,
        "stored_bytes": None if whose is None else ledger.stored_bytes(whose),
        "quotas": [] if whose is None else ledger.standings(whose, sorted(broker().types)),
    }
    return json_answer(_answer.dump(answer))


def _whose(asked: str | None) -> str | None:
    """``None`` for everybody's. Raises ``Forbidden``."""
    own = tenant().name
    if Scope.ADMIN in caller().scopes:
        return asked
    if asked not in (None, own):
        raise Forbidden("Other tenants' usage needs a key with the scope admin.", required_scope=str(Scope.ADMIN))
    return own


def _days(query: dict[str, Any]) -> tuple[date, date]:
    """Raises ``InvalidInput``."""
    last: date = query.get("last") or broker().ledger.today()
    first: date = query.get("first") or last - timedelta(days=min(_USUAL_DAYS, (last - date.min).days + 1) - 1)
    if not 0 <= (last - first).days < KEPT_DAYS:
        detail = f"Must be the first of at most {KEPT_DAYS} days up to the last ({last})."
        raise InvalidInput(errors=[{"pointer": "from", "detail": detail}])
    return first, last


def _shown(each: Sum) -> dict[str, Any]:
    return {"tenant": each.tenant, "day": each.day, "type": each.type, **each.row._asdict()}


def _csv(rows: list[dict[str, Any]]) -> Response:
    names = list(_row.fields)
    text = io.StringIO()
    table = csv.DictWriter(text, names, lineterminator="\r\n")
    table.writeheader()
    table.writerows(rows)
    return Response(text.getvalue(), mimetype="text/csv")
