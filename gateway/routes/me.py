"""``/api/me``: whose key this is."""

from typing import Any

from gateway.blueprint import Blueprint
from gateway.current import tenant
from gateway.schemas.me import Me

blueprint = Blueprint("me", __name__, url_prefix="/api/me", description="Whose key this is.")


@blueprint.get("")
@blueprint.response(200, Me)
def get_me() -> dict[str, Any]:
    """Show your tenant"""
    asking = tenant()
    return {"tenant": asking.name, "tenant_id": str(asking.id), "operator": asking.operator}
