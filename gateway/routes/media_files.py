"""``/api/media/{id}/...``: uploaded files and what plugins made of them, behind signed links that need no header."""

from uuid import UUID

from flask import Response

from broker.errors import NotFound, SourceGone
from broker.media import paths
from broker.media.records import MediaRecord
from broker.plugin import FILE_TYPES
from broker.secrets.links import source_of
from gateway.blueprint import Blueprint
from gateway.current import broker, tenant_of_link
from gateway.media_links import SHOWN
from gateway.media_view import check_there
from gateway.stored_file import disposition, send_unchanging

blueprint = Blueprint(
    "media_files", __name__, url_prefix="/api/media", description="Uploaded files and what plugins made of them."
)

#: Of a PDF that is shown. Browsers' viewers keep it apart from pages, and need nothing of this; were it ever read as a
#: page, nothing in it would run or be loaded. With ``sandbox``, WebKit would show nothing.
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; object-src 'self'; form-action 'none'; frame-ancestors 'none'"


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
    record = _source(media_id, signature)
    response = _send(record)
    response.headers["Content-Disposition"] = disposition("attachment", record.filename)
    return response


@blueprint.get("/<uuid:media_id>/source/<signature>/<name>")
@blueprint.serves(*SHOWN)
@blueprint.problems(410)
def get_source_file(media_id: UUID, signature: str, name: str) -> Response:
    """Show an uploaded PDF

    For browsers, which show it instead of saving it; `#page=7` behind the link opens it at that page. Take the whole
    path from a document's view_url, or the page_url of a place that a search has found. What is no PDF is not shown: a
    browser might run it.
    """
    record = _source(media_id, signature)
    if record.content_type not in SHOWN:
        raise NotFound()
    response = _send(record)
    response.headers["Content-Disposition"] = disposition("inline", record.filename)
    response.headers["Content-Security-Policy"] = _POLICY
    response.headers["Referrer-Policy"] = "no-referrer"  # its links lead to others, to whom this one is nothing
    return response


def _source(media_id: UUID, signature: str) -> MediaRecord:
    """Raises ``NotFound``, ``LinkExpired``, and ``SourceGone``."""
    record = broker().media.get(tenant_of_link(signature, source_of(str(media_id))).name, str(media_id))
    if record.source_removed_at:
        raise SourceGone()
    return record


def _send(record: MediaRecord) -> Response:
    response = send_unchanging(record.source_key, broker().storage.stat(record.source_key))
    response.content_type = record.content_type
    return response
