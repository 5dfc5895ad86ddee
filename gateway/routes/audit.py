"""``/api/audit``: who changed what."""

from typing import Any

from broker.access.audit_log import Wanted
from broker.access.scopes import Scope
from gateway.blueprint import Blueprint
from gateway.current import broker
from gateway.schemas.audit import AuditPage, AuditQuery

blueprint = Blueprint("audit", __name__, url_prefix="/api/audit", description="Who changed what.")


@blueprint.get("")
@blueprint.needs(Scope.ADMIN)
@blueprint.arguments(AuditQuery, location="query")
@blueprint.response(200, AuditPage)
def list_changes(query: dict[str, Any]) -> dict[str, Any]:
    """List changes, newest first

    Of limits, keys, webhooks and plugins' settings, over HTTP and by the command line, with how it was and how it is.
    The last 5,000 by each tenant are kept.
    """
    wanted = Wanted(query.get("actor", ""), query.get("action", ""), query.get("tenant"), query.get("since"))
    entries, next_cursor = broker().audit_log.page(wanted, limit=query["limit"], cursor=query.get("cursor", ""))
    return {"entries": entries, "next_cursor": next_cursor}
