"""``/livez`` and ``/readyz``, for whoever starts this process and routes to it. They need no key and tell no secret."""

from typing import Any

from gateway.blueprint import Blueprint
from gateway.current import broker, services
from gateway.required_scopes import NO_KEY
from gateway.schemas.health import Health, Readiness

blueprint = Blueprint("health", __name__, description="For platforms and load balancers.")


@blueprint.get("/livez")
@blueprint.needs(NO_KEY)
@blueprint.response(200, Health)
def check_liveness() -> dict[str, str]:
    """Is this process alive?

    What it depends on is not asked.
    """
    return {"status": "ok"}


@blueprint.get("/readyz")
@blueprint.needs(NO_KEY)
@blueprint.response(200, Readiness)
@blueprint.problems(503, 507)
def check_readiness() -> dict[str, Any]:
    """Can requests be served?

    Not while Redis is away, would take no task (it is only to be read, full, cut off from its replicas …), cannot keep
    one as `DURABILITY` demands or does not know the limits of the task types (yet), nor while media cannot be stored
    (as tried at most ten seconds ago). Without workers or a daemon they can be, and the warnings say so.
    """
    with services().readiness.told():
        broker().check_ready()
        services().storage_probe.check()
    return {"status": "ok", "warnings": broker().warnings()}
