"""``/api/workers``: the operator's view of who works."""

from broker.access.scopes import Scope
from broker.queues.workers import Worker
from gateway.blueprint import Blueprint
from gateway.current import actor, broker
from gateway.schemas.workers import Worker as WorkerSchema
from gateway.schemas.workers import WorkerList

blueprint = Blueprint("workers", __name__, url_prefix="/api/workers", description="Live workers, for the operator.")


@blueprint.get("")
@blueprint.needs(Scope.ADMIN)
@blueprint.response(200, WorkerList)
def list_workers() -> dict[str, list[Worker]]:
    """Show every live worker

    Workers run the tasks of all tenants.
    """
    return {"workers": broker().workers.list()}


@blueprint.post("/<name>/drain")
@blueprint.needs(Scope.ADMIN)
@blueprint.response(200, WorkerSchema)
@blueprint.problems(404)
def drain_worker(name: str) -> Worker:
    """Have a worker take nothing more

    It ends what it runs, and others take what waits. It stays there, idle, until its process is stopped.
    """
    return broker().workers.drain(name, by=actor())
