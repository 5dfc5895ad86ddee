"""``/api/operations``: one act on all tasks that match."""

from typing import Any
from uuid import UUID

from flask import Response

from broker.access.scopes import Scope
from broker.operations.operations import Action
from broker.operations.operations import Operation as Made
from broker.operations.reprocessing_steps import HowAgain, Videos
from gateway.answers import created
from gateway.blueprint import Blueprint
from gateway.current import actor, broker, tenant
from gateway.idempotency import IdempotencyHeader, idempotent
from gateway.schemas.operations import OF_REPROCESS, NewOperation, Operation, OperationPage
from gateway.schemas.paging import NoBody, PageQuery
from gateway.schemas.task_filters import asked_of, wanted_of

PATH = "/api/operations"
blueprint = Blueprint("operations", __name__, url_prefix=PATH, description="Act on many tasks or videos.")


@blueprint.post("")
@blueprint.needs(Scope.WRITE)
@blueprint.arguments(NewOperation)
@blueprint.arguments(IdempotencyHeader, location="headers")
@blueprint.creates(Operation)
@blueprint.problems(409, 429)
def create_operation(body: dict[str, Any], headers: dict[str, Any]) -> Response:
    """Cancel, retry or delete all tasks that match, or transcode all videos again that do

    Those that are there when it begins. It is done in the background, but for what takes no time; each is acted on
    once, also when a server ends in the middle. With `dry_run` they are counted and nothing is changed. `reprocess`
    makes a task for each video that has none yet, and waits while the queue or a quota has no room for more.
    """
    asked, how = asked_of(body["filter"]), {name: body[name] for name in OF_REPROCESS if name in body}
    options = {"force": body["force"], "dry_run": body["dry_run"]}

    def create(seed: UUID | None) -> Response:
        made = _begin(body, asked, dry_run=body["dry_run"], by=actor(), seed=seed)
        return created(f"{PATH}/{made.id}", Operation().dump(made))

    return idempotent(headers, lambda: [body["action"], asked, options, *([how] if how else [])], create)


def _begin(body: dict[str, Any], asked: dict[str, Any], **options: Any) -> Made:
    wanted, operations = body["filter"], broker().operations
    if body["action"] is not Action.REPROCESS:
        tasks, force = wanted_of(wanted), body["force"]
        return operations.create(tenant().name, body["action"], tasks, asked, force=force, **options)
    ids = tuple(map(str, wanted.get("ids", ())))
    videos = Videos(ids, wanted.get("uploaded_from"), wanted.get("uploaded_to"))
    how = HowAgain(body.get("options", {}), body.get("background", True), list(body.get("tags", ())))
    return operations.reprocess(tenant().name, videos, asked, how, **options)


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
