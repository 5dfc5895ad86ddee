"""``/api/queues/simulate``: what other limits or workers would change, before anybody changes them."""

from typing import Any

from broker.access.scopes import Scope
from broker.errors import InvalidInput
from broker.forecast.change import Change
from broker.queues.limits import rate_argument
from gateway.blueprint import Blueprint
from gateway.current import broker
from gateway.schemas.simulation import Simulation, SimulationResult

blueprint = Blueprint("simulations", __name__, url_prefix="/api/queues", description="What if, for the operator.")

_MICRO = 1_000_000
_RATES = ("rate", "tenant_rate")


@blueprint.post("/simulate")
@blueprint.needs(Scope.ADMIN)
@blueprint.arguments(Simulation)
@blueprint.response(200, SimulationResult)
def simulate_queues(body: dict[str, Any]) -> dict[str, Any]:
    """Tell what other limits, workers or weights would change

    From what waits now, or from what came at a recorded time of the last eight days: when, at which priority and whose
    (but nothing is recorded of groups). It writes nothing.
    """
    change, forecasts = _change(body), broker().forecasts
    if "since" not in body:
        before, after = forecasts.what_if(change)
        return {"basis": "live", "before": before, "after": after}
    until = body["until"] // _MICRO if "until" in body else forecasts.history.now()
    before, after = forecasts.replayed(change, body["since"] // _MICRO, until)
    return {"basis": "recorded", "before": before, "after": after}


def _change(body: dict[str, Any]) -> Change:
    return Change(
        limits={name: _limits(name, each) for name, each in body.get("limits", {}).items()},
        workers={frozenset(each["types"]): each["processes"] for each in body.get("workers", [])},
        weights=body.get("weights", {}),
    )


def _limits(name: str, change: dict[str, Any]) -> dict[str, Any]:
    """As the model has them. Raises ``InvalidInput`` for a rate that a queue would not take, and for aging, which it
    does not know.
    """
    if "aging_seconds" in change:
        detail = "Not foreseen: the model does not know levels that rise. Leave it out."
        raise InvalidInput(errors=[{"pointer": f"/limits/{name}/aging_seconds", "detail": detail}])
    rates = {rate: _rate(name, rate, change[rate]) for rate in _RATES if change.get(rate) is not None}
    return change | rates


def _rate(type_name: str, name: str, rate: float) -> int:
    try:
        return int(rate_argument(rate))
    except InvalidInput as error:
        pointer = f"/limits/{type_name}/{name}"
        raise InvalidInput(errors=[each | {"pointer": pointer} for each in error.extra["errors"]]) from None
