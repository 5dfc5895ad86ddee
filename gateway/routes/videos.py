"""``/api/videos``: upload, list, show."""

from functools import partial
from typing import Any
from uuid import UUID, uuid4

from flask import Response

from broker.task import NewTask
from gateway.blueprint import Blueprint
from gateway.current import broker, tenant
from gateway.idempotency import IdempotencyHeader, once
from gateway.media_view import find, show_video, tasks_of
from gateway.routes.answers import created
from gateway.schemas.media import FileUpload, Video, VideoPage
from gateway.schemas.paging import PageQuery
from gateway.uploads import Upload, accept, receive

blueprint = Blueprint("videos", __name__, url_prefix="/api/videos", description="Upload and show videos.")
_video = Video()


@blueprint.post("")
@blueprint.arguments(FileUpload, location="files")
@blueprint.arguments(IdempotencyHeader, location="headers")
@blueprint.creates(Video)
@blueprint.problems(409, 413, 415)
def upload_video(files: dict[str, Any], headers: dict[str, Any]) -> Response:
    """Upload a video

    Stores it and queues its VideoTranscoding task, in one step.
    """
    upload = receive(files["file"], "video")
    return once(headers, upload.fingerprint, partial(_create, upload))


@blueprint.get("")
@blueprint.arguments(PageQuery, location="query")
@blueprint.response(200, VideoPage)
def list_videos(query: dict[str, Any]) -> dict[str, Any]:
    """List videos, newest first"""
    records, total = broker().media.page(tenant().name, "video", **query)
    return query | {"videos": list(map(show_video, records, tasks_of(records))), "total": total}


@blueprint.get("/<uuid:video_id>")
@blueprint.response(200, Video)
@blueprint.problems(404)
def get_video(video_id: UUID) -> dict[str, Any]:
    """Show a video"""
    record = find("video", video_id)
    return show_video(record, *tasks_of([record]))


def _create(upload: Upload, seed: UUID | None) -> Response:
    video_id = seed or uuid4()
    record, task = accept(upload, video_id, NewTask("VideoTranscoding", {"video_id": str(video_id)}))
    return created(f"{blueprint.url_prefix}/{video_id}", _video.dump(show_video(record, task)))
