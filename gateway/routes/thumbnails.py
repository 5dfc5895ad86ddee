"""``/api/videos/{id}/thumbnail``: the picture of any moment."""

from typing import Any
from uuid import UUID

from flask import Response

from broker.access.scopes import Scope
from broker.media.records import MediaRecord
from gateway.blueprint import Blueprint
from gateway.current import broker, tenant_of_link
from gateway.media_view import find
from gateway.schemas.thumbnails import ThumbnailQuery
from gateway.stills import still
from gateway.stored_file import send_unchanging

blueprint = Blueprint("thumbnails", __name__, url_prefix="/api/videos", description="Pictures of moments of videos.")

_JPEG = "image/jpeg"


@blueprint.get("/<uuid:video_id>/thumbnail")
@blueprint.needs(Scope.READ)
@blueprint.serves(_JPEG)
@blueprint.problems(409, 503)
@blueprint.arguments(ThumbnailQuery, location="query")
def get_thumbnail(query: dict[str, Any], video_id: UUID) -> Response:
    """Picture any moment of a video

    Drawn from a finished rendition when it is first asked for, and kept.
    """
    return _answer(find("video", video_id), query)


@blueprint.get("/<uuid:video_id>/thumbnail/<signature>")
@blueprint.serves(_JPEG)
@blueprint.problems(409, 503)
@blueprint.arguments(ThumbnailQuery, location="query")
def download_thumbnail(query: dict[str, Any], video_id: UUID, signature: str) -> Response:
    """Picture any moment of a video, by a link

    The signature in the path stands for a key; take the whole path from a video's thumbnail_url, and add `time` and
    `width`.
    """
    tenant = tenant_of_link(signature, str(video_id))
    return _answer(broker().media.get(tenant.name, str(video_id)), query)


def _answer(record: MediaRecord, query: dict[str, Any]) -> Response:
    key = still(record, query["time"], query["width"])
    response = send_unchanging(key, broker().storage.stat(key))
    response.content_type = _JPEG
    return response
