"""``/api/holds``: what the operator puts aside."""

from typing import Any
from uuid import UUID

from flask import Response

from broker.access.scopes import Scope
from gateway.answers import created
from gateway.blueprint import Blueprint
from gateway.current import actor, broker
from gateway.idempotency import IdempotencyHeader, idempotent
from gateway.schemas.holds import Hold, HoldList, NewHold

PATH = "/api/holds"
blueprint = Blueprint("holds", __name__, url_prefix=PATH, description="Work that is put aside, for the operator.")


@blueprint.post("")
@blueprint.needs(Scope.ADMIN)
@blueprint.arguments(NewHold)
@blueprint.arguments(IdempotencyHeader, location="headers")
@blueprint.creates(Hold)
@blueprint.problems(409)
def create_hold(body: dict[str, Any], headers: dict[str, Any]) -> Response:
    """Put work aside

    What fits waits from now on, also what comes later, until the hold is deleted; what runs goes on. Everything else
    goes on as if what is held were not there. Where much waits, the daemon moves it: `settled` tells when all was.
    """

    def create(seed: UUID | None) -> Response:
        fits = {name: str(value) for name, value in body.items() if name != "reason"}
        hold = broker().holds.create(fits, body["reason"], seed)
        shown = Hold().dump(hold)
        broker().audit_log.note(actor(), "hold.created", hold.id, None, shown)
        return created(f"{PATH}/{hold.id}", shown)

    return idempotent(headers, lambda: {name: str(value) for name, value in body.items()}, create)


@blueprint.get("")
@blueprint.needs(Scope.ADMIN)
@blueprint.response(200, HoldList)
def list_holds() -> dict[str, Any]:
    """List what is put aside, and how much each holds up"""
    return {"holds": broker().holds.list()}


@blueprint.delete("/<uuid:hold_id>")
@blueprint.needs(Scope.ADMIN)
@blueprint.response(204)
@blueprint.problems(404)
def delete_hold(hold_id: UUID) -> None:
    """Let go what a hold has put aside

    Each task goes on from where it stood in line; the daemon moves them where they are many.
    """
    before = Hold().dump(broker().holds.get(str(hold_id)))
    broker().holds.let_go(str(hold_id))
    broker().audit_log.note(actor(), "hold.deleted", str(hold_id), before, None)
