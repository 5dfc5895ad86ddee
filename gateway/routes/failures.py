"""``/api/failures``: groups of alike failures."""

from typing import Any
from uuid import UUID

from flask import Response

from broker.access.scopes import Scope
from broker.operations.operations import Action
from broker.tasks.failures import Failure as Group
from broker.tasks.failures import FailureState
from broker.tasks.task_filters import Wanted
from gateway.answers import created
from gateway.blueprint import Blueprint
from gateway.current import actor, broker, tenant
from gateway.idempotency import IdempotencyHeader, idempotent
from gateway.schemas.operations import Failure, FailurePage, FailureQuery, Operation
from gateway.schemas.paging import NoBody
from gateway.schemas.tasks import ForceQuery

blueprint = Blueprint(
    "failures", __name__, url_prefix="/api/failures", description="What fails, in groups of the same cause."
)


@blueprint.get("")
@blueprint.needs(Scope.READ)
@blueprint.arguments(FailureQuery, location="query")
@blueprint.response(200, FailurePage)
def list_failures(query: dict[str, Any]) -> dict[str, Any]:
    """List groups of failures, those first that failed last

    Failures of one type whose errors differ in numbers, ids, paths and names alone are one group, counted as they
    happen. The 1,000 groups are kept that failed last.
    """
    pages = {"limit": query["limit"], "offset": query["offset"]}
    failures, total = broker().failures.page(
        tenant().name, states=query.get("state", (FailureState.OPEN,)), types=query.get("type", ()), **pages
    )
    return pages | {"failures": failures, "total": total}


@blueprint.get("/<uuid:failure_id>")
@blueprint.needs(Scope.READ)
@blueprint.response(200, Failure)
@blueprint.problems(404)
def get_failure(failure_id: UUID) -> Group:
    """Show a group of failures"""
    return broker().failures.get(tenant().name, str(failure_id))


@blueprint.post("/<uuid:failure_id>/resolve")
@blueprint.needs(Scope.WRITE)
@blueprint.arguments(NoBody, required=False)
@blueprint.response(200, Failure)
@blueprint.problems(404)
def resolve_failure(_body: dict[str, Any], failure_id: UUID) -> Group:
    """Say that a cause of failures is mended

    Should it fail again, the group is open again and `regressed_at` says since when.
    """
    return _changed(failure_id, FailureState.RESOLVED)


@blueprint.post("/<uuid:failure_id>/ignore")
@blueprint.needs(Scope.WRITE)
@blueprint.arguments(NoBody, required=False)
@blueprint.response(200, Failure)
@blueprint.problems(404)
def ignore_failure(_body: dict[str, Any], failure_id: UUID) -> Group:
    """Say that a cause of failures is nothing to look at

    It stays so whatever fails, and is counted on.
    """
    return _changed(failure_id, FailureState.IGNORED)


@blueprint.post("/<uuid:failure_id>/reopen")
@blueprint.needs(Scope.WRITE)
@blueprint.arguments(NoBody, required=False)
@blueprint.response(200, Failure)
@blueprint.problems(404)
def reopen_failure(_body: dict[str, Any], failure_id: UUID) -> Group:
    """Say that a cause of failures is to be looked at after all"""
    return _changed(failure_id, FailureState.OPEN)


@blueprint.post("/<uuid:failure_id>/retry")
@blueprint.needs(Scope.WRITE)
@blueprint.arguments(ForceQuery, location="query")
@blueprint.arguments(NoBody, required=False)
@blueprint.arguments(IdempotencyHeader, location="headers")
@blueprint.creates(Operation)
@blueprint.problems(404, 409, 429)
def retry_failure(query: dict[str, Any], _body: dict[str, Any], headers: dict[str, Any], failure_id: UUID) -> Response:
    """Retry all failed tasks of a group

    As an operation, which is the answer.
    """
    group = broker().failures.get(tenant().name, str(failure_id))

    def create(seed: UUID | None) -> Response:
        made = broker().operations.create(
            tenant().name,
            Action.RETRY,
            Wanted(failure=group.id, types=(group.type,)),
            {"failure_id": group.id, "type": [group.type]},
            force=query["force"],
            by=actor(),
            seed=seed,
        )
        return created(f"/api/operations/{made.id}", Operation().dump(made))

    return idempotent(headers, lambda: [group.id, query["force"]], create)


def _changed(failure_id: UUID, state: FailureState) -> Group:
    return broker().failures.change(tenant().name, str(failure_id), state, actor())
