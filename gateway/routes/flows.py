"""``/api/flows``: how the tasks stand that belong together."""

from broker.access.scopes import Scope
from broker.tasks.flows import Flow
from gateway.blueprint import Blueprint
from gateway.current import broker, tenant
from gateway.schemas import flows as schemas

blueprint = Blueprint("flows", __name__, url_prefix="/api/flows", description="Tasks that belong together.")


@blueprint.get("/<flow_id>")
@blueprint.needs(Scope.READ)
@blueprint.response(200, schemas.Flow)
@blueprint.problems(404)
def get_flow(flow_id: str) -> Flow:
    """Show a flow

    Its tasks are those that were submitted with its id as `flow`; `GET /api/tasks?flow=` lists them. When all have
    ended, webhooks are sent `flow.completed` or `flow.failed`, once. A task that is added to a flow that has ended, or
    retried, opens it again, and a later end is told again. A flow is kept as long as tasks are after their end.
    """
    return broker().tasks.flow(tenant().name, flow_id)
