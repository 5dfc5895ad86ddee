"""``/api/videos/{id}/reprocess``, and for many: transcoded again, while the present renditions play on."""

from typing import Any
from uuid import UUID

from flask import Response

from broker.access.scopes import Scope
from broker.clock import to_rfc3339
from broker.operations.reprocessing import Videos
from gateway.answers import created
from gateway.blueprint import Blueprint
from gateway.current import actor, broker, tenant
from gateway.idempotency import IdempotencyHeader, idempotent
from gateway.media_view import find
from gateway.schemas.operations import Operation
from gateway.schemas.reprocessing import Reprocess, ReprocessMany
from gateway.schemas.tasks import TaskDetail
from gateway.submissions import PATH, show

#: Where operations are shown.
OPERATIONS = "/api/operations"
blueprint = Blueprint("reprocessing", __name__, url_prefix="/api/videos", description="Transcode videos again.")


@blueprint.post("/<uuid:video_id>/reprocess")
@blueprint.needs(Scope.WRITE)
@blueprint.arguments(Reprocess, required=False)
@blueprint.arguments(IdempotencyHeader, location="headers")
@blueprint.response(200, TaskDetail)
@blueprint.creates(TaskDetail)
@blueprint.problems(404, 409, 429)
def reprocess_video(body: dict[str, Any], headers: dict[str, Any], video_id: UUID) -> Response:
    """Transcode a video again

    Answers the task. When that is completed, whoever opens the video gets the new renditions; whoever plays the former
    ones goes on with them for `REPROCESS_KEEP_DAYS`. While a video has such a task, that one is answered (200).
    """
    record = find("video", video_id)

    def create(seed: UUID | None) -> Response:
        task_id = str(seed) if seed else None
        task, is_new = broker().reprocessing.one(
            tenant().name, record, body["options"], background=body["background"], task_id=task_id
        )
        return created(f"{PATH}/{task.id}", show(task, is_new), 201 if is_new or task.id == task_id else 200)

    return idempotent(headers, lambda: body, create)


@blueprint.post("/reprocess")
@blueprint.needs(Scope.WRITE)
@blueprint.arguments(ReprocessMany)
@blueprint.arguments(IdempotencyHeader, location="headers")
@blueprint.creates(Operation)
@blueprint.problems(409, 429)
def reprocess_videos(body: dict[str, Any], headers: dict[str, Any]) -> Response:
    """Transcode all videos again that match

    Those that are there when it begins, oldest first. It is an operation, which is done in the background:
    `/api/operations/{id}` tells how far it is, and stops it. With `dry_run` they are counted. A video whose task has
    not ended gets no second one.
    """
    asked = _shown(body["filter"])
    videos = Videos(
        ids=asked.get("ids"),
        low=str(body["filter"].get("uploaded_from", "-inf")),
        high=str(body["filter"].get("uploaded_to", "+inf")),
        options=body["options"],
        background=body["background"],
    )

    def create(seed: UUID | None) -> Response:
        made = broker().operations.reprocess(
            tenant().name, videos, asked, dry_run=body["dry_run"], by=actor(), seed=seed
        )
        return created(f"{OPERATIONS}/{made.id}", Operation().dump(made))

    return idempotent(headers, lambda: body | {"filter": asked}, create)


def _shown(wanted: dict[str, Any]) -> dict[str, Any]:
    """The filter as JSON has it."""
    ids = {"ids": [str(each) for each in wanted["ids"]]} if "ids" in wanted else {}
    return ids | {name: to_rfc3339(value) for name, value in wanted.items() if name != "ids"}
