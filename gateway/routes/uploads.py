"""``/api/uploads``: files that come in pieces and survive what happens meanwhile, by the protocol tus 1.0."""

import io
from email.utils import formatdate
from functools import partial
from http import HTTPStatus
from typing import IO, Any
from uuid import UUID, uuid4

from flask import Response, request

from broker.access.scopes import Scope
from broker.clock import from_rfc3339, to_rfc3339
from broker.errors import InvalidInput, UnsupportedMedia, UnsupportedProtocol
from broker.task import NewTask
from broker.uploads.records import Upload
from gateway import resumable, tus
from gateway.answers import created
from gateway.arguments import load
from gateway.blueprint import Blueprint
from gateway.current import broker, services, tenant
from gateway.fast.current_request import this_request
from gateway.fast.json_answers import json_answer
from gateway.followers import check_followers
from gateway.idempotency import idempotent
from gateway.piece import piece_of
from gateway.routes.media import KINDS, OF_TASK
from gateway.schemas.paging import PageQuery
from gateway.schemas.uploads import CreationHeaders, PieceHeaders, ResumableUpload, ResumableUploadPage, TusHeaders
from gateway.uploads import clean_filename

blueprint = Blueprint(
    "uploads",
    __name__,
    url_prefix="/api/uploads",
    description=f"Upload large files in pieces, and go on where it stopped: tus 1.0 ({', '.join(tus.EXTENSIONS)}).",
)
#: Bytes after which what has arrived of a request is kept.
PIECE = 8 * 1024 * 1024


@blueprint.before_request
def _check_version() -> None:
    """Who only reads JSON need not speak the protocol."""
    if request.method not in ("GET", "OPTIONS") and not tus.speaks(request.headers.get("Tus-Resumable")):
        raise UnsupportedProtocol()


@blueprint.after_request
def _describe(response: Response) -> Response:
    response.headers["Tus-Resumable"] = tus.VERSION
    if request.method == "OPTIONS" or response.status_code == HTTPStatus.PRECONDITION_FAILED:
        response.headers.update(tus.described(services().settings.max_upload_bytes))
    return response


@blueprint.get("")
@blueprint.needs(Scope.READ)
@blueprint.arguments(PageQuery, location="query")
@blueprint.response(200, ResumableUploadPage)
def list_uploads(query: dict[str, Any]) -> dict[str, Any]:
    """List uploads that are not complete, newest first"""
    found, total = broker().uploads.page(tenant().name, **query)
    return query | {"uploads": [_shown(each) for each in found], "total": total}


@blueprint.post("")
@blueprint.needs(Scope.WRITE)
@blueprint.takes_bytes(tus.CONTENT_TYPE)
@blueprint.arguments(CreationHeaders, location="headers")
@blueprint.creates(ResumableUpload)
@blueprint.problems(409, 412, 413, 415, 423, 429, 507)
def create_upload(headers: dict[str, Any]) -> Response:
    """Begin an upload

    `Location` is where it goes on, by PATCH. A body is the first piece. The media file and its task are made when the
    last byte is there, once, whatever is repeated.
    """
    kind, asked = _asked(headers["metadata"])

    def create(body: IO[bytes] | None, seed: UUID | None) -> Response:
        upload = resumable.begin(seed or uuid4(), kind, headers.get("size"), headers["metadata"], asked)
        if body is not None:
            sent = resumable.Sent(0, body, request.content_length or 0, headers.get("checksum"))
            upload = resumable.add(UUID(upload.id), sent, _task)
        response = created(f"{blueprint.url_prefix}/{upload.id}", _shown(upload))
        response.headers.update(_headers(upload))
        return response

    body = _body() if _has_body() else None
    told = [headers.get("size"), headers["metadata"], request.content_length]
    return idempotent(headers, lambda: told, partial(create, body))


@blueprint.get("/<uuid:upload_id>")
@blueprint.needs(Scope.READ)
@blueprint.response(200, ResumableUpload)
@blueprint.problems(404, 412)
def get_upload(upload_id: UUID) -> Response:
    """Show an upload

    HEAD tells by `Upload-Offset` where it goes on. When it is complete, `media_url` and a `Link` header (`related`)
    tell where the media file is shown.
    """
    upload = resumable.find(upload_id)
    response = json_answer(_shown(upload))
    length = {"Upload-Defer-Length": "1"} if upload.deferred else {"Upload-Length": str(upload.size)}
    response.headers.update({**_headers(upload), **length})
    if upload.metadata:
        response.headers["Upload-Metadata"] = upload.metadata
    return response


@blueprint.route("/<uuid:upload_id>", methods=["PATCH"])
@blueprint.needs(Scope.WRITE)
@blueprint.takes_bytes(tus.CONTENT_TYPE, PIECE, tus.CHECKSUM)
@blueprint.arguments(PieceHeaders, location="headers")
@blueprint.response(204)
@blueprint.problems(404, 409, 410, 412, 413, 415, 423, 429, 507)
def continue_upload(headers: dict[str, Any], upload_id: UUID) -> Response:
    """Continue an upload

    With the bytes from `Upload-Offset` on; as many as have arrived are kept, also when the connection breaks. 423:
    another request writes to it now. 460: the body does not have its `Upload-Checksum`, and nothing of it was kept.
    """
    body, piece = _body(), piece_of(request.environ)
    start = piece.start if piece else 0
    announced = max(0, (request.content_length or 0) - start)
    offset, (checksum, length) = headers["offset"] + start, (headers.get(name) for name in ("checksum", "length"))
    upload = resumable.add(upload_id, resumable.Sent(offset, body, announced, checksum, length), _task)
    return Response(status=204, headers=_headers(upload))


@blueprint.delete("/<uuid:upload_id>")
@blueprint.needs(Scope.WRITE)
@blueprint.arguments(TusHeaders, location="headers")
@blueprint.response(204)
@blueprint.problems(404, 412, 423)
def delete_upload(headers: dict[str, Any], upload_id: UUID) -> Response:
    """Give up an upload

    Its bytes are removed. A media file that it became stays.
    """
    resumable.remove(upload_id)
    return Response(status=204)


def _task(kind: str, media_id: str, asked: dict[str, Any]) -> NewTask:
    return KINDS[kind].new(media_id, asked.get("payload", {}), asked.get("of_task", {}))


def _asked(metadata: str) -> tuple[str, dict[str, Any]]:
    """The kind of the file, and what is asked for with it. Raises ``InvalidInput``."""
    told = tus.metadata(metadata)
    kind = KINDS.get(told.pop("kind", ""))
    if kind is None:
        detail = f"Must be {', '.join(sorted(KINDS))}, or be told by filetype, as in video/mp4."
        raise InvalidInput(errors=[{"pointer": "kind", "detail": detail}])
    filename = clean_filename(told.pop("filename", ""), kind.name)
    asked = load(kind.form(exclude=["file"]), told)
    then = asked.get("then", [])
    check_followers(kind.name, then, kind.task("").type)
    of_task = {name: asked[name] for name in OF_TASK if name in asked}
    if "deadline" in of_task:
        of_task["deadline"] = to_rfc3339(of_task["deadline"])
    expires_at = to_rfc3339(asked["expires_at"]) if "expires_at" in asked else None
    payload = {name: asked[name] for name in kind.options if name in asked}
    kind.check(payload, "")
    kept = {name: asked[name] for name in ("keep_source", "embed") if name in asked}
    kept |= {"payload": payload} if payload else {}
    return kind.name, {"filename": filename, "then": then, "of_task": of_task, "expires_at": expires_at, **kept}


def _body() -> IO[bytes]:
    """The bytes that were sent, which the server holds. Raises ``UnsupportedMedia``."""
    if request.mimetype != tus.CONTENT_TYPE:
        raise UnsupportedMedia(f"Send the body with the header Content-Type: {tus.CONTENT_TYPE}.")
    if not _has_body():
        return io.BytesIO()
    found: IO[bytes] = request.environ["wsgi.input"]
    return found


def _has_body() -> bool:
    return bool(request.content_length) or "Transfer-Encoding" in request.headers


def _headers(upload: Upload) -> dict[str, str]:
    """Where it goes on, and until when; or what it has become."""
    told = {"Upload-Offset": str(upload.offset)}
    if upload.complete:
        return told | {"Link": f'<{_media_url(upload)}>; rel="related"'}
    return told | {"Upload-Expires": formatdate(from_rfc3339(upload.expires_at) / 1e6, usegmt=True)}


def _media_url(upload: Upload) -> str:
    return f"{this_request().root_path}/api/{KINDS[upload.kind].plural}/{upload.id}"


def _shown(upload: Upload) -> dict[str, Any]:
    shown = {name: getattr(upload, name) for name in ResumableUpload().fields if name not in ("filename", "media_url")}
    return shown | {
        "size": None if upload.deferred else upload.size,
        "filename": upload.asked["filename"],
        "media_url": _media_url(upload) if upload.complete else None,
    }
