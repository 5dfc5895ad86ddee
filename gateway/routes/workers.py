"""``/api/workers``: the operator's view of who works."""

from broker.queues.workers import Worker
from gateway.blueprint import Blueprint
from gateway.current import broker, tenant
from gateway.schemas.workers import WorkerList

blueprint = Blueprint("workers", __name__, url_prefix="/api/workers", description="Live workers, for the operator.")


@blueprint.get("")
@blueprint.response(200, WorkerList)
@blueprint.problems(403)
def list_workers() -> dict[str, list[Worker]]:
    """Show every live worker

    Workers run the tasks of all tenants, so only the operator sees them.
    """
    tenant().require_operator()
    return {"workers": broker().workers.list()}
