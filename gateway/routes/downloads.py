"""``/api/videos/{id}/download``: a rendition as one file, or a range of it."""

from pathlib import PurePath
from typing import Any
from uuid import UUID

from flask import Response

from broker.access.scopes import Scope
from broker.media.records import MediaRecord
from gateway.blueprint import Blueprint
from gateway.clips import clip
from gateway.current import broker, tenant_of_link
from gateway.downloads import download
from gateway.media_view import find
from gateway.rendition import Range
from gateway.schemas.downloads import DownloadQuery
from gateway.stored_file import disposition, send

blueprint = Blueprint("downloads", __name__, url_prefix="/api/videos", description="Videos as one file.")

_MP4 = "video/mp4"


@blueprint.get("/<uuid:video_id>/download")
@blueprint.needs(Scope.READ)
@blueprint.serves(_MP4)
@blueprint.problems(409, 422, 503)
@blueprint.arguments(DownloadQuery, location="query")
def download_video(query: dict[str, Any], video_id: UUID) -> Response:
    """Download a rendition of a video

    As an MP4 with the sound that players begin with, neither encoded again. With `start` or `end` it is a clip: the
    pictures that begin in that range, to the picture, and the sound beside them.
    """
    return _answer(find("video", video_id), query)


@blueprint.get("/<uuid:video_id>/download/<signature>")
@blueprint.serves(_MP4)
@blueprint.problems(409, 422, 503)
@blueprint.arguments(DownloadQuery, location="query")
def download_linked_video(query: dict[str, Any], video_id: UUID, signature: str) -> Response:
    """Download a rendition of a video, by a link

    The signature in the path stands for a key; take the whole path from the download_url of one of a video's variants,
    and add `start` and `end` for a clip.
    """
    tenant = tenant_of_link(signature, str(video_id))
    return _answer(broker().media.get(tenant.name, str(video_id)), query)


def _answer(record: MediaRecord, query: dict[str, Any]) -> Response:
    variant, name = query.get("variant"), PurePath(record.filename).stem
    if "start" in query or "end" in query:
        wanted = Range(query.get("start", 0.0), query.get("end"))
        found = clip(record, variant, wanted)
        name += f" {wanted.start:g}-{'' if wanted.end is None else f'{wanted.end:g}'}"
    else:
        found = download(record, variant)
    response = send(found.stored, found.read)
    response.content_type = _MP4
    response.cache_control.no_cache = True  # another takes its place when the video is transcoded again
    response.headers["Content-Disposition"] = disposition("attachment", f"{name}.mp4")
    return response
