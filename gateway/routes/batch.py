"""``/api/tasks/batch``: many tasks in one request, all of them or none."""

from functools import partial
from operator import attrgetter
from typing import Any
from uuid import UUID, uuid5

from flask import Response, jsonify

from broker.submission import Submission, prepare_all
from broker.task import NewTask, Task
from gateway.blueprint import Blueprint
from gateway.current import broker, tenant
from gateway.idempotency import IdempotencyHeader, once
from gateway.routes.tasks import check_tenant_id, new_task
from gateway.schemas.tasks import CreateTasks, TaskDetail, TaskList

blueprint = Blueprint("batch", __name__, url_prefix="/api/tasks/batch", description="Submit many tasks at once.")
_detail = TaskDetail()
_names = tuple(_detail.fields)
_values = attrgetter(*_names)


@blueprint.post("")
@blueprint.arguments(CreateTasks)
@blueprint.arguments(IdempotencyHeader, location="headers")
@blueprint.response(201, TaskList)
@blueprint.problems(409, 413, 429)
def create_tasks(body: dict[str, Any], headers: dict[str, Any]) -> Response:
    """Submit up to 1,000 tasks, all or none

    They are answered in their order. A task whose unique_key is held by an unfinished one is answered by that one.
    """
    checked = prepare_all(_check, [new_task(each) for each in body["tasks"]])
    return once(headers, lambda: body, partial(_create, checked))


def _check(new: NewTask) -> Submission:
    check_tenant_id(new.payload)
    return broker().check(new)


def _create(checked: list[Submission], seed: UUID) -> Response:
    ids = [str(uuid5(seed, str(number))) for number in range(len(checked))]
    answers = broker().submit_checked(tenant().name, checked, ids)
    response = jsonify({"tasks": [_fresh(task) if created else _detail.dump(task) for task, created in answers]})
    response.status_code = 201
    return response


def _fresh(task: Task) -> dict[str, Any]:
    """What the schema makes of a task that has not run yet, in a tenth of its time."""
    return dict(zip(_names, _values(task), strict=True))
