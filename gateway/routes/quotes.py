"""``/api/quotes``: when a task would start and end, and what it would cost, before it is submitted."""

from typing import Any

from broker.access.scopes import Scope
from broker.forecast.estimate import Estimate
from broker.levels import BACKGROUND
from gateway.blueprint import Blueprint
from gateway.current import broker, tenant
from gateway.schemas.quotes import Quote
from gateway.schemas.tasks import CreateTask
from gateway.submissions import check, new_task

blueprint = Blueprint("quotes", __name__, url_prefix="/api/quotes", description="What a task would come to.")


@blueprint.post("")
@blueprint.needs(Scope.WRITE)
@blueprint.arguments(CreateTask)
@blueprint.response(200, Quote)
def quote_task(body: dict[str, Any]) -> dict[str, Any]:
    """Tell what a task would come to, without submitting it

    It takes what `POST /api/tasks` takes, with the same checks. Tasks that it depends on are taken to have ended, and
    a `deadline` refuses nothing here: compare it with the estimate.
    """
    asked, forecasts = check(new_task(body)), broker().forecasts
    due_us = forecasts.current().at_us + asked.delay_us if asked.delay_us else asked.due_us
    quote = forecasts.quote(asked.type, asked.level, tenant().name, asked.group or "", asked.payload, due_us)
    known = isinstance(quote.estimate, Estimate)
    return {
        "type": asked.type,
        "priority": max(0, asked.level),
        "background": asked.level == BACKGROUND,
        "estimate": quote.estimate if known else None,
        "no_estimate": None if known else quote.estimate,
        "work_seconds": quote.work,
        "media_seconds": quote.media_seconds,
        "position": quote.position,
    }
