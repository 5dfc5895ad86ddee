"""``/api/tasks/batch``: many tasks in one request, all of them or none."""

from functools import partial
from typing import Any
from uuid import UUID, uuid5

from flask import Response

from broker.access.scopes import Scope
from broker.tasks.submission import Submission, prepare_all
from gateway.blueprint import Blueprint
from gateway.current import broker, tenant
from gateway.fast.json_answers import json_answer
from gateway.idempotency import IdempotencyHeader, idempotent
from gateway.schemas.tasks import CreateTasks, TaskList
from gateway.submissions import PATH, check, new_task, show

blueprint = Blueprint("batch", __name__, url_prefix=f"{PATH}/batch", description="Submit many tasks at once.")


@blueprint.post("")
@blueprint.needs(Scope.WRITE)
@blueprint.arguments(CreateTasks)
@blueprint.arguments(IdempotencyHeader, location="headers")
@blueprint.response(201, TaskList)
@blueprint.problems(409, 413, 429)
def create_tasks(body: dict[str, Any], headers: dict[str, Any]) -> Response:
    """Submit up to 1,000 tasks, all or none

    They are answered in their order. A task whose unique_key is held by an unfinished one is answered by that one.
    """
    checked = prepare_all(check, [new_task(each) for each in body["tasks"]])
    return idempotent(headers, lambda: body, partial(_create, checked))


def _create(checked: list[Submission], seed: UUID | None) -> Response:
    ids = [str(uuid5(seed, str(number))) for number in range(len(checked))] if seed else []
    answers = broker().tasks.submit_checked(tenant().name, checked, ids)
    return json_answer({"tasks": [show(task, created_now) for task, created_now in answers]}, 201)
