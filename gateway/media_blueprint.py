"""One blueprint for every kind of media: upload, list and show."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any
from uuid import UUID, uuid4

from flask import Response

from broker.media.records import MediaRecord
from broker.task import NewTask, Task
from gateway.answers import created
from gateway.blueprint import Blueprint
from gateway.current import broker, tenant
from gateway.idempotency import IdempotencyHeader, idempotent
from gateway.media_view import find, show, tasks_of
from gateway.schemas.media import FileUpload, Media
from gateway.schemas.paging import PageQuery, page_of
from gateway.uploads import ARTICLE, Upload, accept, receive


@dataclass(frozen=True)
class MediaKind:
    """What tells one kind of media from another over HTTP."""

    #: As media records have it.
    name: str
    schema: type[Media]
    #: The task that processes the upload of this id.
    task: Callable[[str], NewTask]
    #: What becomes of an upload, for the API document.
    upload: str
    show: Callable[[MediaRecord, Task | None], dict[str, Any]] = show

    @property
    def plural(self) -> str:
        return f"{self.name}s"


def media_blueprint(kind: MediaKind) -> Blueprint:
    """The routes ``/api/<plural>`` and ``/api/<plural>/{<name>_id}``."""
    description = f"Upload and show {kind.plural}."
    blueprint = Blueprint(kind.plural, __name__, url_prefix=f"/api/{kind.plural}", description=description)
    _add_upload(blueprint, kind)
    _add_list(blueprint, kind)
    _add_show(blueprint, kind)
    return blueprint


def _add_upload(blueprint: Blueprint, kind: MediaKind) -> None:
    schema = kind.schema()

    def create(upload: Upload, seed: UUID | None) -> Response:
        media_id = seed or uuid4()
        record, task = accept(upload, media_id, kind.task(str(media_id)))
        return created(f"{blueprint.url_prefix}/{media_id}", schema.dump(kind.show(record, task)))

    @blueprint.post("")
    @blueprint.arguments(FileUpload, location="files")
    @blueprint.arguments(IdempotencyHeader, location="headers")
    @blueprint.creates(kind.schema)
    @blueprint.problems(409, 413, 415, 507)
    @_documented(f"upload_{kind.name}", f"Upload {ARTICLE[kind.name]}\n\n{kind.upload}")
    def upload_media(files: dict[str, Any], headers: dict[str, Any]) -> Response:
        upload = receive(files["file"], kind.name)
        return idempotent(headers, upload.fingerprint, partial(create, upload))


def _add_list(blueprint: Blueprint, kind: MediaKind) -> None:
    @blueprint.get("")
    @blueprint.arguments(PageQuery, location="query")
    @blueprint.response(200, page_of(f"{kind.schema.__name__}Page", kind.plural, kind.schema))
    @_documented(f"list_{kind.plural}", f"List {kind.plural}, newest first")
    def list_media(query: dict[str, Any]) -> dict[str, Any]:
        records, total = broker().media.page(tenant().name, kind.name, **query)
        return query | {kind.plural: list(map(kind.show, records, tasks_of(records))), "total": total}


def _add_show(blueprint: Blueprint, kind: MediaKind) -> None:
    @blueprint.get(f"/<uuid:{kind.name}_id>")
    @blueprint.response(200, kind.schema)
    @blueprint.problems(404)
    @_documented(f"get_{kind.name}", f"Show {ARTICLE[kind.name]}")
    def get_media(**path: UUID) -> dict[str, Any]:
        record = find(kind.name, path[f"{kind.name}_id"])
        return kind.show(record, *tasks_of([record]))


def _documented(name: str, text: str) -> Callable[[Any], Any]:
    """Gives a view the name and the text under which the API document has it."""

    def decorate(view: Any) -> Any:
        view.__name__, view.__doc__ = name, text
        return view

    return decorate
