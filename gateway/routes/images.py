"""``/api/images``: upload, list, show."""

from functools import partial
from typing import Any
from uuid import UUID, uuid4

from flask import Response

from broker.task import NewTask
from gateway.blueprint import Blueprint
from gateway.current import broker, tenant
from gateway.idempotency import IdempotencyHeader, once
from gateway.media_view import find, show, tasks_of
from gateway.routes.answers import created
from gateway.schemas.media import FileUpload, Image, ImagePage
from gateway.schemas.paging import PageQuery
from gateway.uploads import Upload, accept, receive

blueprint = Blueprint("images", __name__, url_prefix="/api/images", description="Upload and show images.")
_image = Image()


@blueprint.post("")
@blueprint.arguments(FileUpload, location="files")
@blueprint.arguments(IdempotencyHeader, location="headers")
@blueprint.creates(Image)
@blueprint.problems(409, 413, 415)
def upload_image(files: dict[str, Any], headers: dict[str, Any]) -> Response:
    """Upload an image

    Stores it and queues the EmbeddingGeneration task that makes it searchable, in one step.
    """
    upload = receive(files["file"], "image")
    return once(headers, upload.fingerprint, partial(_create, upload))


@blueprint.get("")
@blueprint.arguments(PageQuery, location="query")
@blueprint.response(200, ImagePage)
def list_images(query: dict[str, Any]) -> dict[str, Any]:
    """List images, newest first"""
    records, total = broker().media.page(tenant().name, "image", **query)
    return query | {"images": list(map(show, records, tasks_of(records))), "total": total}


@blueprint.get("/<uuid:image_id>")
@blueprint.response(200, Image)
@blueprint.problems(404)
def get_image(image_id: UUID) -> dict[str, Any]:
    """Show an image"""
    record = find("image", image_id)
    return show(record, *tasks_of([record]))


def _create(upload: Upload, seed: UUID | None) -> Response:
    image_id = seed or uuid4()
    new = NewTask("EmbeddingGeneration", {"entity_type": "image", "entity_id": str(image_id)})
    record, task = accept(upload, image_id, new)
    return created(f"{blueprint.url_prefix}/{image_id}", _image.dump(show(record, task)))
