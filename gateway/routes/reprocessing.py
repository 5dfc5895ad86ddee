"""``/api/videos/{id}/reprocess``, and for many: transcoded again, while the present renditions play on."""

from typing import Any
from uuid import UUID

from flask import Response

from broker.access.scopes import Scope
from broker.clock import to_rfc3339
from gateway.answers import created
from gateway.blueprint import Blueprint
from gateway.current import broker, tenant
from gateway.fast.json_answers import json_answer
from gateway.idempotency import IdempotencyHeader, idempotent
from gateway.media_view import find
from gateway.schemas.reprocessing import Reprocess, Reprocessed, ReprocessMany
from gateway.schemas.tasks import TaskDetail
from gateway.submissions import PATH, show

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
@blueprint.response(200, Reprocessed)
@blueprint.problems(409, 429)
def reprocess_videos(body: dict[str, Any]) -> Response:
    """Transcode all videos again that match

    Some hundred at a time, oldest first: ask again with `next` until that is null. With `dry_run` they are counted. A
    repeat makes no second task of a video whose first has not ended.
    """
    wanted = body["filter"]
    done = broker().reprocessing.many(
        tenant().name,
        ids=[str(each) for each in wanted.get("ids", ())],
        low=wanted.get("uploaded_from", 0),
        high=wanted.get("uploaded_to"),
        **{name: body[name] for name in ("options", "background", "dry_run")},
    )
    members = {name: getattr(done, name) for name in ("matched", "queued", "skipped", "reasons", "task_ids")}
    following = None if done.next is None else to_rfc3339(done.next)
    return json_answer(Reprocessed().dump(members | {"dry_run": body["dry_run"], "next": following}), 200)
