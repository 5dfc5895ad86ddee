"""One blueprint for every kind of media: upload, list, show and delete."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any
from uuid import UUID, uuid4

from flask import Response
from msgspec import structs

from broker.access.scopes import Scope
from broker.clock import to_rfc3339
from broker.errors import InvalidInput
from broker.media.records import MediaRecord
from broker.media.sniff import ARTICLE
from broker.task import NewTask, Task
from gateway.answers import created
from gateway.blueprint import Blueprint
from gateway.current import actor, broker, tenant
from gateway.followers import check_followers
from gateway.idempotency import IdempotencyHeader, idempotent
from gateway.media_view import find, show, states_of
from gateway.schemas.media import Media, MediaByUrl, MediaUpload
from gateway.schemas.paging import PageQuery, page_of
from gateway.uploads import Upload, accept, accept_url, receive

_BY_URL = (
    "With JSON that has a `url`, the file is fetched from there when its task runs: what is wrong with it then is the "
    "task's error."
)
#: What the form says of the task that processes the upload.
OF_TASK = ("group", "tags", "deadline")
_Make = Callable[[str], NewTask]


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
    show: Callable[[MediaRecord, Task | None, Task | None], dict[str, Any]] = show
    #: What the form of an upload may have, and the body of one by URL.
    form: type[MediaUpload] = MediaUpload
    by_url: type[MediaByUrl] = MediaByUrl
    #: What of these is for the payload of that task.
    options: tuple[str, ...] = ()

    @property
    def plural(self) -> str:
        return f"{self.name}s"

    def new(self, media_id: str, payload: Mapping[str, Any], asked: Mapping[str, Any]) -> NewTask:
        """The task, with further members of its ``payload``, and what else is asked for of it."""
        plain = self.task(media_id)
        return structs.replace(plain, payload=plain.payload | dict(payload), **asked)

    def check(self, payload: Mapping[str, Any], where: str) -> None:
        """Raises ``InvalidInput`` for what the task would refuse. ``where`` begins the pointers to what was sent: it is
        ``/`` for JSON, and empty for a form.
        """
        if not payload:
            return
        try:
            broker().tasks.check(self.new(str(uuid4()), payload, {}))
        except InvalidInput as error:
            found = error.extra["errors"]
            of_payload = "/payload/"
            errors = [each | {"pointer": f"{where}{each['pointer'].removeprefix(of_payload)}"} for each in found]
            raise InvalidInput(errors=errors) from None


#: Those there are, by name.
KINDS: dict[str, MediaKind] = {}


def media_blueprint(kind: MediaKind) -> Blueprint:
    """The routes ``/api/<plural>`` and ``/api/<plural>/{<name>_id}``."""
    KINDS[kind.name] = kind
    description = f"Upload and show {kind.plural}."
    blueprint = Blueprint(kind.plural, __name__, url_prefix=f"/api/{kind.plural}", description=description)
    _add_upload(blueprint, kind)
    _add_list(blueprint, kind)
    _add_show(blueprint, kind)
    _add_delete(blueprint, kind)
    return blueprint


def _add_upload(blueprint: Blueprint, kind: MediaKind) -> None:
    schema = kind.schema()

    def create(upload: Upload, then: list[str], new: _Make, seed: UUID | None) -> Response:
        media_id = seed or uuid4()
        record, _ = accept(upload, media_id, new(str(media_id)), then)
        return created(f"{blueprint.url_prefix}/{media_id}", schema.dump(kind.show(*states_of([record])[0])))

    def create_by_url(body: dict[str, Any], then: list[str], new: _Make, seed: UUID | None) -> Response:
        media_id = seed or uuid4()
        record = accept_url(kind.name, media_id, new(str(media_id)), then, body)
        return created(f"{blueprint.url_prefix}/{media_id}", schema.dump(kind.show(*states_of([record])[0])))

    @blueprint.post("")
    @blueprint.needs(Scope.WRITE)
    @blueprint.form_or_json(kind.form, kind.by_url)
    @blueprint.arguments(IdempotencyHeader, location="headers")
    @blueprint.creates(kind.schema)
    @blueprint.problems(409, 410, 413, 415, 429, 507)
    @_documented(f"upload_{kind.name}", f"Upload {ARTICLE[kind.name]}\n\n{kind.upload} {_BY_URL}")
    def upload_media(sent: dict[str, Any], headers: dict[str, Any]) -> Response:
        told = dict(sent)
        then, asked, payload = sent.pop("then", []), _taken(sent, OF_TASK), _taken(sent, kind.options)
        if "deadline" in asked:
            asked["deadline"] = to_rfc3339(asked["deadline"])
        kind.check(payload, "/" if "url" in sent else "")
        new = partial(kind.new, payload=payload, asked=asked)
        if "url" in sent:
            check_followers(kind.name, then, kind.task("").type)
            return idempotent(headers, lambda: told, partial(create_by_url, sent, then, new))
        upload = receive(sent.pop("file"), kind.name, **sent)
        check_followers(kind.name, then, kind.task("").type)
        wanted = [*then, *(f"{name} {value}" for name, value in (asked | payload).items())]
        return idempotent(headers, lambda: [*upload.fingerprint(), *wanted], partial(create, upload, then, new))


def _taken(sent: dict[str, Any], names: Sequence[str]) -> dict[str, Any]:
    return {name: sent.pop(name) for name in names if name in sent}


def _add_list(blueprint: Blueprint, kind: MediaKind) -> None:
    @blueprint.get("")
    @blueprint.needs(Scope.READ)
    @blueprint.arguments(PageQuery, location="query")
    @blueprint.response(200, page_of(f"{kind.schema.__name__}Page", kind.plural, kind.schema))
    @_documented(f"list_{kind.plural}", f"List {kind.plural}, newest first")
    def list_media(query: dict[str, Any]) -> dict[str, Any]:
        records, total = broker().media.page(tenant().name, kind.name, **query)
        return query | {kind.plural: [kind.show(*each) for each in states_of(records)], "total": total}


def _add_show(blueprint: Blueprint, kind: MediaKind) -> None:
    @blueprint.get(f"/<uuid:{kind.name}_id>")
    @blueprint.needs(Scope.READ)
    @blueprint.response(200, kind.schema)
    @blueprint.problems(404)
    @_documented(f"get_{kind.name}", f"Show {ARTICLE[kind.name]}")
    def get_media(**path: UUID) -> dict[str, Any]:
        record = find(kind.name, path[f"{kind.name}_id"])
        return kind.show(*states_of([record])[0])


def _add_delete(blueprint: Blueprint, kind: MediaKind) -> None:
    @blueprint.delete(f"/<uuid:{kind.name}_id>")
    @blueprint.needs(Scope.WRITE)
    @blueprint.response(204)
    @blueprint.problems(404)
    @_documented(
        f"delete_{kind.name}",
        f"Delete {ARTICLE[kind.name]}\n\nWith everything that was made of it. Its tasks are cancelled, or stopped "
        "where they run, and links to it answer 404. What is left of its files is removed within seconds.",
    )
    def delete_media(**path: UUID) -> None:
        broker().media_removal.delete(tenant().name, kind.name, str(path[f"{kind.name}_id"]), actor())


def _documented(name: str, text: str) -> Callable[[Any], Any]:
    """Gives a view the name and the text under which the API document has it."""

    def decorate(view: Any) -> Any:
        view.__name__, view.__doc__ = name, text
        return view

    return decorate
