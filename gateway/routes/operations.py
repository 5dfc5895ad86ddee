"""``/api/operations``: one act on all tasks that match."""

from typing import Any
from uuid import UUID

from flask import Response

from broker.access.scopes import Scope
from broker.operations.operations import Operation as Made
from gateway.answers import created
from gateway.blueprint import Blueprint
from gateway.current import actor, broker, tenant
from gateway.idempotency import IdempotencyHeader, idempotent
from gateway.schemas.operations import NewOperation, Operation, OperationPage
from gateway.schemas.paging import NoBody, PageQuery
from gateway.schemas.task_filters import asked_of, wanted_of

PATH = "/api/operations"
blueprint = Blueprint("operations", __name__, url_prefix=PATH, description="Cancel, retry or delete many tasks.")


@blueprint.post("")
@blueprint.needs(Scope.WRITE)
@blueprint.arguments(NewOperation)
@blueprint.arguments(IdempotencyHeader, location="headers")
@blueprint.creates(Operation)
@blueprint.problems(409, 429)
def create_operation(body: dict[str, Any], headers: dict[str, Any]) -> Response:
    """Cancel, retry or delete all tasks that match

    Those that are there when it begins. It is done in the background, but for what takes no time; each task is acted on
    once, also when a server ends in the middle. With `dry_run` they are counted and nothing is changed.
    """
    asked, wanted = asked_of(body["filter"]), wanted_of(body["filter"])
    options = {"force": body["force"], "dry_run": body["dry_run"]}

    def create(seed: UUID | None) -> Response:
        made = broker().operations.create(
            tenant().name, body["action"], wanted, asked, by=actor(), seed=seed, **options
        )
        return created(f"{PATH}/{made.id}", Operation().dump(made))

    return idempotent(headers, lambda: [body["action"], asked, options], create)


@blueprint.get("")
@blueprint.needs(Scope.READ)
@blueprint.arguments(PageQuery, location="query")
@blueprint.response(200, OperationPage)
def list_operations(query: dict[str, Any]) -> dict[str, Any]:
    """List operations, newest first

    The last 1,000 are kept.
    """
    operations, total = broker().operations.page(tenant().name, **query)
    return query | {"operations": operations, "total": total}


@blueprint.get("/<uuid:operation_id>")
@blueprint.needs(Scope.READ)
@blueprint.response(200, Operation)
@blueprint.problems(404)
def get_operation(operation_id: UUID) -> Made:
    """Show how far an operation is"""
    return broker().operations.get(tenant().name, str(operation_id))


@blueprint.post("/<uuid:operation_id>/cancel")
@blueprint.needs(Scope.WRITE)
@blueprint.arguments(NoBody, required=False)
@blueprint.response(200, Operation)
@blueprint.problems(404)
def cancel_operation(_body: dict[str, Any], operation_id: UUID) -> Made:
    """Stop an operation

    What it has done stays done. One that has ended stays as it is.
    """
    return broker().operations.cancel(tenant().name, str(operation_id))
