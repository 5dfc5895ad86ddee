"""``/api/queues``: the operator's view of every type's queue, and its limits."""

from typing import Any

from broker.task import Queue
from gateway.blueprint import Blueprint
from gateway.current import broker, tenant
from gateway.schemas.queues import Queue as QueueSchema
from gateway.schemas.queues import QueueChange, QueueList

blueprint = Blueprint(
    "queues", __name__, url_prefix="/api/queues", description="Live state and limits, for the operator."
)


@blueprint.get("")
@blueprint.response(200, QueueList)
@blueprint.problems(403)
def list_queues() -> dict[str, Any]:
    """Show every queue

    Queues hold the work of all tenants, so only the operator sees them.
    """
    tenant().require_operator()
    return {
        "queues": broker().queues.list(),
        "daemons": len(broker().daemons.list()),
        "warnings": broker().warnings(),
    }


@blueprint.patch("/<type>")
@blueprint.arguments(QueueChange)
@blueprint.response(200, QueueSchema)
@blueprint.problems(403, 404)
def change_queue(body: dict[str, Any], type: str) -> Queue:
    """Change a queue's limits, for every worker at once"""
    tenant().require_operator()
    return broker().queues.configure(type, **body, tenant=tenant().name)
