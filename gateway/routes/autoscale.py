"""``/api/autoscale``: how many workers are wanted."""

from typing import Any

from broker.access.scopes import Scope
from gateway.blueprint import Blueprint
from gateway.current import broker
from gateway.schemas.autoscale import AutoscaleAnswer, AutoscaleQuery

blueprint = Blueprint("autoscale", __name__, url_prefix="/api/autoscale", description="For whatever scales workers.")


@blueprint.get("")
@blueprint.needs(Scope.ADMIN)
@blueprint.arguments(AutoscaleQuery, location="query")
@blueprint.response(200, AutoscaleAnswer)
def get_workers_wanted(query: dict[str, Any]) -> dict[str, Any]:
    """Tell how many worker processes are wanted

    So that tasks start within the objective. What only tokens hold back does not count: more workers would not start
    it sooner. Ask every 10 to 30 seconds.
    """
    objective = query["objective"]
    return {"objective_seconds": objective, "workers": broker().forecasts.workers_wanted(objective)}
