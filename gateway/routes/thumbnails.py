"""``/api/videos/{id}/thumbnail``, the picture of any moment, and ``/api/images/{id}/thumbnail``, a small picture."""

from typing import Any
from uuid import UUID

from flask import Response

from broker.access.scopes import Scope
from broker.errors import NotFound
from broker.media.records import MediaRecord
from broker.media.storage import StoredObject
from gateway.blueprint import Blueprint
from gateway.current import broker, tenant_of_link
from gateway.media_view import find
from gateway.schemas.thumbnails import ImageThumbnailQuery, ThumbnailQuery
from gateway.stills import still
from gateway.stored_file import send_unchanging
from gateway.thumbnails import thumbnail

blueprint = Blueprint(
    "thumbnails", __name__, url_prefix="/api", description="Pictures of moments of videos, and small ones of images."
)

_JPEG, _WEBP = "image/jpeg", "image/webp"


@blueprint.get("/videos/<uuid:video_id>/thumbnail")
@blueprint.needs(Scope.READ)
@blueprint.serves(_JPEG)
@blueprint.problems(409, 503)
@blueprint.arguments(ThumbnailQuery, location="query")
def get_thumbnail(query: dict[str, Any], video_id: UUID) -> Response:
    """Picture any moment of a video

    Drawn from a finished rendition when it is first asked for, and kept.
    """
    return _moment(find("video", video_id), query)


@blueprint.get("/videos/<uuid:video_id>/thumbnail/<signature>")
@blueprint.serves(_JPEG)
@blueprint.problems(409, 503)
@blueprint.arguments(ThumbnailQuery, location="query")
def download_thumbnail(query: dict[str, Any], video_id: UUID, signature: str) -> Response:
    """Picture any moment of a video, by a link

    The signature in the path stands for a key; take the whole path from a video's thumbnail_url, and add `time` and
    `width`.
    """
    tenant = tenant_of_link(signature, str(video_id))
    return _moment(broker().media.get(tenant.name, str(video_id)), query)


@blueprint.get("/images/<uuid:image_id>/thumbnail")
@blueprint.needs(Scope.READ)
@blueprint.serves(_WEBP)
@blueprint.problems(409, 503)
@blueprint.arguments(ImageThumbnailQuery, location="query")
def get_image_thumbnail(query: dict[str, Any], image_id: UUID) -> Response:
    """Show an image small

    A WebP that every browser shows, whatever the format of the image: drawn when it is first asked for, and kept.
    """
    return _small(find("image", image_id), query)


@blueprint.get("/images/<uuid:image_id>/thumbnail/<signature>")
@blueprint.serves(_WEBP)
@blueprint.problems(409, 503)
@blueprint.arguments(ImageThumbnailQuery, location="query")
def download_image_thumbnail(query: dict[str, Any], image_id: UUID, signature: str) -> Response:
    """Show an image small, by a link

    The signature in the path stands for a key; take the whole path from an image's thumbnail_url, and add `width`.
    """
    tenant = tenant_of_link(signature, str(image_id))
    record = broker().media.get(tenant.name, str(image_id))
    if record.kind != "image":  # whoever may play a video may not for that open its source
        raise NotFound()
    return _small(record, query)


def _moment(record: MediaRecord, query: dict[str, Any]) -> Response:
    return _answer(*still(record, query["time"], query["width"]), _JPEG)


def _small(record: MediaRecord, query: dict[str, Any]) -> Response:
    return _answer(*thumbnail(record, query["width"]), _WEBP)


def _answer(key: str, stored: StoredObject, content_type: str) -> Response:
    response = send_unchanging(key, stored)
    response.content_type = content_type
    return response
