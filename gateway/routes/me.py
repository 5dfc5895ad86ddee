"""``/api/me``: whose key this is."""

from typing import Any

from broker.access.records import in_order
from broker.access.scopes import Scope
from broker.clock import to_rfc3339
from gateway.blueprint import Blueprint
from gateway.current import caller, services
from gateway.required_scopes import ANY_KEY
from gateway.schemas.me import Me

blueprint = Blueprint("me", __name__, url_prefix="/api/me", description="Whose key this is.")


@blueprint.get("")
@blueprint.needs(ANY_KEY)
@blueprint.response(200, Me)
def get_me() -> dict[str, Any]:
    """Show your tenant and your key"""
    asking = caller()
    expires_us = asking.identity.expires_us if asking.identity else None
    operator = Scope.ADMIN in asking.scopes
    return {
        "tenant": asking.tenant.name,
        "tenant_id": str(asking.tenant.id),
        "operator": operator,
        "key": asking.key,
        "scopes": in_order(asking.scopes),
        "dashboard_url": (services().settings.dashboard_url or None) if operator else None,
        "expires_at": None if expires_us is None else to_rfc3339(expires_us),
    }
