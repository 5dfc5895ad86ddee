"""``/api/media/{id}/...``: uploaded files and what plugins made of them, behind signed links that need no header."""

from uuid import UUID

from flask import Response

from broker.errors import NotFound, SourceGone
from broker.media import paths
from broker.plugin import FILE_TYPES
from broker.secrets.links import source_of
from gateway.blueprint import Blueprint
from gateway.current import broker, tenant_of_link
from gateway.media_view import check_there
from gateway.stored_file import send_unchanging

blueprint = Blueprint(
    "media_files", __name__, url_prefix="/api/media", description="Uploaded files and what plugins made of them."
)


@blueprint.get("/<uuid:media_id>/files/<signature>/<plugin>/<uuid:task_id>/<name>")
@blueprint.serves("*/*")
def download_plugin_file(media_id: UUID, signature: str, plugin: str, task_id: UUID, name: str) -> Response:
    """Download a file that a plugin has made

    The signature in the path stands for a key; take the whole path from the url in the detail of the video or image.
    """
    tenant = tenant_of_link(signature, str(media_id))
    content_type = FILE_TYPES.get(name.rpartition(".")[2])
    if content_type is None:
        raise NotFound()
    check_there(tenant, media_id)
    key = paths.plugin_file(tenant.name, str(media_id), plugin, str(task_id), name)
    response = send_unchanging(key, broker().storage.stat(key))
    response.content_type = content_type
    return response


@blueprint.get("/<uuid:media_id>/source/<signature>")
@blueprint.serves("*/*")
@blueprint.problems(410)
def download_source_file(media_id: UUID, signature: str) -> Response:
    """Download an uploaded file

    The signature in the path stands for a key; plugins give such links to the services that they work with.
    """
    record = broker().media.get(tenant_of_link(signature, source_of(str(media_id))).name, str(media_id))
    if record.source_removed_at:
        raise SourceGone()
    response = send_unchanging(record.source_key, broker().storage.stat(record.source_key))
    response.content_type = record.content_type
    response.headers["Content-Disposition"] = "attachment"
    return response
