"""``/api/videos/{id}/stream/{signature}/...``: playlists and segments, for players that send no header."""

import gzip
from functools import partial
from hashlib import sha256
from posixpath import dirname, join
from uuid import UUID

from flask import Response, request

from broker.captions.caption import captions_of
from broker.errors import NotFound, Unavailable
from broker.media import paths
from broker.media.records import MediaRecord
from broker.secrets.links import LIFETIME_SECONDS
from broker.status import Status
from gateway.arguments import load
from gateway.auth import Tenant
from gateway.blueprint import Blueprint
from gateway.current import broker, services, tenant_of_link
from gateway.hls_range import ranged_master, ranged_media
from gateway.master_playlist import CAPTIONS, below, captions_playlist, with_captions
from gateway.media_view import check_there
from gateway.presigned import with_links
from gateway.rendition import Range
from gateway.schemas.downloads import RangeQuery
from gateway.stored_file import send_unchanging

blueprint = Blueprint("streams", __name__, url_prefix="/api/videos", description="HLS playlists and segments.")

#: By the end of the name; nothing else is served. RFC 8216 section 4 and RFC 8081 name the first three.
_TYPES = {
    "m3u8": "application/vnd.apple.mpegurl",
    "mp4": "video/mp4",
    "m4s": "video/iso.segment",
    "jpg": "image/jpeg",
    "vtt": "text/vtt; charset=utf-8",
}
_PLAYLIST = _TYPES["m3u8"]
_MASTER = "master.m3u8"


@blueprint.get("/<uuid:video_id>/stream/<signature>/<path:name>")
@blueprint.problems(409, 422)
@blueprint.serves("*/*")  # captions are text, which clients made from the document would take all files for
def download_stream_file(video_id: UUID, signature: str, name: str) -> Response:
    """Play a video

    The signature in the path stands for a key; take the whole path from a video's hls_url. A playlist of a finished
    video takes `start` and `end` (seconds), and names no segments but those of that range.
    """
    tenant = tenant_of_link(signature, str(video_id))
    content_type = _TYPES.get(name.rpartition(".")[2])
    if content_type is None:
        raise NotFound()
    folder, _, file = name.rpartition("/")
    if folder == CAPTIONS and content_type == _PLAYLIST:
        response = _playlist(_captions(tenant, video_id, file.removesuffix(".m3u8"), _range()))
    elif content_type == _PLAYLIST:
        response = _playlist(_stored(tenant, video_id, name, _range()))
    else:
        check_there(tenant, video_id)
        key = (
            _caption_key(tenant, video_id, file) if folder == CAPTIONS else paths.hls(tenant.name, str(video_id), name)
        )
        response = send_unchanging(key, broker().storage.stat(key))
    response.content_type = content_type
    return response


def _caption_key(tenant: Tenant, video_id: UUID, file: str) -> str:
    return paths.caption(tenant.name, str(video_id), file.removesuffix(".vtt"))


def _range() -> Range | None:
    """What is asked for of the video. Anything else in the query is a player's own."""
    asked = {name: value for name, value in request.args.items() if name in ("start", "end")}
    if not asked:
        return None
    found = load(RangeQuery(), asked)
    return Range(found.get("start", 0.0), found.get("end"))


def _captions(tenant: Tenant, video_id: UUID, caption_id: str, wanted: Range | None) -> str:
    record = broker().media.get(tenant.name, str(video_id))
    seconds = record.info.get("duration_seconds") or 0.0
    for each in captions_of(record):
        if each.id == caption_id:
            if wanted is None:
                return captions_playlist(each, max(seconds, each.seconds))
            return captions_playlist(each, (seconds if wanted.end is None else wanted.end) - wanted.start)
    raise NotFound()


def _stored(tenant: Tenant, video_id: UUID, name: str, wanted: Range | None) -> str:
    """A playlist of the transcoder's. Where Redis cannot be asked, it plays on without captions."""
    record = _record(tenant, video_id)
    folder = record.stream if record and name == _MASTER else ""
    text = below(_text(tenant, video_id, folder + name), folder)
    if name.rpartition("/")[2] == _MASTER:
        if record is not None:
            text = with_captions(text, captions_of(record), "../" * name.count("/") + CAPTIONS)
        if wanted:
            text = ranged_master(text, wanted, lambda uri: _text(tenant, video_id, join(dirname(name), uri)))
        return text
    if wanted:
        text = ranged_media(text, wanted)
    if not services().settings.stream_presigned:
        return text
    return with_links(text, name.rpartition("/")[0], partial(_link, tenant, video_id))


def _text(tenant: Tenant, video_id: UUID, name: str) -> str:
    with broker().storage.open(paths.hls(tenant.name, str(video_id), name)) as file:
        return file.read().decode()


def _link(tenant: Tenant, video_id: UUID, name: str) -> str | None:
    """Where a file of the stream is stored, for as long as the stream's own link may last; not of playlists."""
    content_type = _TYPES.get(name.rpartition(".")[2])
    if content_type is None or content_type == _PLAYLIST:
        return None
    return broker().storage.link(paths.hls(tenant.name, str(video_id), name), LIFETIME_SECONDS, content_type)


def _record(tenant: Tenant, video_id: UUID) -> MediaRecord | None:
    try:
        record = broker().media.get(tenant.name, str(video_id))
        _check_goes_on(record)
    except Unavailable:
        return None
    return record


def _check_goes_on(record: MediaRecord) -> None:
    """Raises ``NotFound`` for a video whose task has ended, and not well: players would wait for what never comes.

    A task that was stopped, or whose worker died, has no run that could take away what it had made.
    """
    if not record.made and record.task_id:
        task = broker().tasks.get_many(record.tenant, [record.task_id]).get(record.task_id)
        if task is None or task.status in (Status.FAILED, Status.CANCELLED):
            raise NotFound()


def _playlist(text: str) -> Response:
    """Whole, compressed where the player can (Apple's HLS authoring rules, 10.1), and asked for anew each time."""
    response, etag = Response(text), sha256(text.encode()).hexdigest()[:32]
    compressed = request.accept_encodings["gzip"] > 0
    if compressed:
        response.set_data(gzip.compress(response.get_data(), mtime=0))
        response.content_encoding = "gzip"
    response.vary.add("Accept-Encoding")
    response.cache_control.no_cache = True
    response.set_etag(f"{etag}-gzip" if compressed else etag)
    response.make_conditional(request)
    return response
