"""``/api/tenants``: what the operator sets for a tenant."""

from typing import Any

from broker.access.scopes import Scope
from broker.errors import InvalidInput
from broker.queues.tenant_settings import TenantSettings
from gateway.blueprint import Blueprint
from gateway.current import actor, broker
from gateway.schemas.tenants import TenantChange
from gateway.schemas.tenants import TenantSettings as Shown

blueprint = Blueprint(
    "tenants", __name__, url_prefix="/api/tenants", description="Weights, caps and quotas of tenants, for the operator."
)
_LONGEST = 255


@blueprint.get("/<name>")
@blueprint.needs(Scope.ADMIN)
@blueprint.response(200, Shown)
def get_tenant_settings(name: str) -> TenantSettings:
    """Show what is set for a tenant

    A tenant that nobody has set anything for has the weight 1 and no caps of its own.
    """
    return broker().tenants.get(_checked(name))


@blueprint.put("/<name>")
@blueprint.needs(Scope.ADMIN)
@blueprint.arguments(TenantChange)
@blueprint.response(200, Shown)
def replace_tenant_settings(body: dict[str, Any], name: str) -> TenantSettings:
    """Set a tenant's weight, caps and quotas

    In force with the next task that is started or submitted; a quota of requests within two seconds. What
    is left out is as for every other tenant.
    """
    store, by = broker().tenants, actor()
    before = store.get(_checked(name))
    after = store.put(name, body["weight"], body["caps"], body["quotas"])
    broker().request_quota.forget()
    if after != before:
        dump = Shown().dump
        broker().audit_log.note(by, "tenant.changed", name, dump(before), dump(after))
    return after


def _checked(name: str) -> str:
    if len(name) > _LONGEST or not name.isprintable() or any(each in name for each in ": ,"):
        raise InvalidInput(errors=[{"pointer": "name", "detail": "no tenant can have this name"}])
    return name
