"""``/api/queues``: the operator's view of every type's queue, and its limits."""

from typing import Any

from broker.access.scopes import Scope
from broker.forecast.history import STEP
from broker.queues.state import Queue
from gateway.blueprint import Blueprint
from gateway.current import actor, broker
from gateway.schemas.queue_history import QueueHistory
from gateway.schemas.queues import Queue as QueueSchema
from gateway.schemas.queues import QueueChange, QueueList

_HOUR = 3600

blueprint = Blueprint(
    "queues", __name__, url_prefix="/api/queues", description="Live state and limits, for the operator."
)


@blueprint.get("")
@blueprint.needs(Scope.ADMIN)
@blueprint.response(200, QueueList)
def list_queues() -> dict[str, Any]:
    """Show every queue

    Queues hold the work of all tenants.
    """
    return {
        "queues": broker().queues.list(),
        "forecasts": broker().forecasts.accuracies.read(sorted(broker().types)),
        "daemons": len(broker().daemons.list()),
        "warnings": broker().warnings(),
    }


@blueprint.get("/history")
@blueprint.needs(Scope.ADMIN)
@blueprint.response(200, QueueHistory)
def get_queue_history() -> dict[str, Any]:
    """Show what each type did in the last hour

    A daemon notes it every ten seconds, so the newest row is ten to twenty seconds old.
    """
    history = broker().forecasts.history
    until = history.now()
    types = {name: history.read(name, until - _HOUR, until) for name in sorted(broker().types)}
    return {"step_seconds": STEP, "types": [{"type": name, "rows": rows} for name, rows in types.items()]}


@blueprint.patch("/<type>")
@blueprint.needs(Scope.ADMIN)
@blueprint.arguments(QueueChange)
@blueprint.response(200, QueueSchema)
@blueprint.problems(404)
def change_queue(body: dict[str, Any], type: str) -> Queue:
    """Change a queue's limits, for every worker at once"""
    return broker().queues.configure(type, **body, by=actor())
