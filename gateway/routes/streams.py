"""``/api/videos/{id}/stream/{signature}/...``: playlists and segments, for players that send no header."""

import gzip
from uuid import UUID

from flask import Response, request

from broker.errors import NotFound
from broker.media import paths
from broker.media.storage import StoredObject
from gateway.blueprint import Blueprint
from gateway.current import broker, tenant_of_link
from gateway.stored_file import send_unchanging

blueprint = Blueprint("streams", __name__, url_prefix="/api/videos", description="HLS playlists and segments.")

#: By the end of the name; nothing else is served. RFC 8216 section 4 and RFC 8081 name the first three.
_TYPES = {
    "m3u8": "application/vnd.apple.mpegurl",
    "mp4": "video/mp4",
    "m4s": "video/iso.segment",
    "jpg": "image/jpeg",
}
_PLAYLIST = _TYPES["m3u8"]


@blueprint.get("/<uuid:video_id>/stream/<signature>/<path:name>")
@blueprint.serves(*_TYPES.values())
def download_stream_file(video_id: UUID, signature: str, name: str) -> Response:
    """Play a video

    The signature in the path stands for a key; take the whole path from a video's hls_url.
    """
    tenant = tenant_of_link(signature, str(video_id))
    content_type = _TYPES.get(name.rpartition(".")[2])
    if content_type is None:
        raise NotFound()
    key = paths.hls(tenant.name, str(video_id), name)
    stored = broker().storage.stat(key)
    response = _playlist(key, stored) if content_type == _PLAYLIST else send_unchanging(key, stored)
    response.content_type = content_type
    return response


def _playlist(key: str, stored: StoredObject) -> Response:
    """Whole, compressed where the player can (Apple's HLS authoring rules, 10.1), and asked for anew each time."""
    with broker().storage.open(key) as file:
        response = Response(file.read())
    compressed = request.accept_encodings["gzip"] > 0
    if compressed:
        response.set_data(gzip.compress(response.get_data(), mtime=0))
        response.content_encoding = "gzip"
    response.vary.add("Accept-Encoding")
    response.cache_control.no_cache = True
    response.set_etag(f"{stored.etag}-gzip" if compressed else stored.etag)
    response.make_conditional(request)
    return response
