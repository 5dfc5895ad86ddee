"""``/api/search``: media found by what they show or say, by words, or by being like a file or a picture."""

from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import fields
from typing import Any
from uuid import UUID, uuid4

from msgspec import structs
from werkzeug.datastructures import FileStorage

from broker.access.scopes import Scope
from broker.errors import Crowded, NotIndexed, Unavailable
from broker.media import paths
from broker.media.records import MediaRecord
from broker.search.found import Found, Hit
from broker.search.request import PATIENCE, PICTURE_TIMEOUT, Narrowing, SearchRequest
from gateway.blueprint import Blueprint
from gateway.current import broker, services, tenant
from gateway.media_links import MediaLinks
from gateway.media_view import left_out_of_search, picture, thumbnail
from gateway.schemas.search import PictureSearch, SearchQuery, SearchResults, SearchStatus, cursor_of
from gateway.uploads import receive

blueprint = Blueprint("search", __name__, url_prefix="/api/search", description="Find media by meaning.")

#: Bytes of a picture to search by: those of 200 megapixels have fewer.
MAX_PICTURE_BYTES = 64 * 1024 * 1024
#: What a request calls the members of a ``Narrowing``.
_NARROWING = {field.name for field in fields(Narrowing)}
_LEFT_OUT = (
    "This file cannot be searched by: it was left out of search (embed=false). An EmbeddingGeneration task for it "
    "makes it searchable."
)
_TIMES = {"start_date": "created_from", "end_date": "created_until"}


@blueprint.get("")
@blueprint.needs(Scope.READ)
@blueprint.arguments(SearchQuery, location="query")
@blueprint.response(200, SearchResults)
@blueprint.problems(404, 409, 503)
def search_media(query: dict[str, Any]) -> dict[str, Any]:
    """Search by meaning

    Finds media by words (`q`), by their meaning and as they are written, the most relevant first; or media that are
    like one of them (`like`), the most similar first.
    """
    record = broker().media.get(tenant().name, str(query["like"])) if "like" in query else None
    try:
        found = _found(_request(query))
    except NotIndexed:
        if record and left_out_of_search(record):
            raise NotIndexed(_LEFT_OUT) from None
        raise
    return _answer(query, found)


@blueprint.post("")
@blueprint.needs(Scope.READ)
@blueprint.arguments(PictureSearch, location="files")
@blueprint.response(200, SearchResults)
@blueprint.problems(413, 415, 503)
def search_by_picture(form: dict[str, Any]) -> dict[str, Any]:
    """Search by a picture

    Finds media that are like a picture, which is not kept. The first such search may have to load a model: it takes
    seconds, or is answered by 503 with `Retry-After`.
    """
    key = _kept(form.pop("file"))
    try:
        return _answer(form, broker().search.search(_request(form, picture=key), PICTURE_TIMEOUT))
    finally:
        broker().storage.delete(key)


@blueprint.get("/status")
@blueprint.needs(Scope.READ)
@blueprint.response(200, SearchStatus)
@blueprint.problems()
def search_status() -> dict[str, Any]:
    """Show how far a new model is

    When workers come with another model, all files are embedded anew, in the background. What the former model has made
    answers searches until the new one has everything, and is kept for `SEARCH_KEEP_DAYS`.
    """
    return structs.asdict(broker().generations.progress(tenant().name))


def _found(request: SearchRequest) -> Found:
    """Waits for a process that starts or still reads, as long as few others of this tenant do."""
    with ExitStack() as stack:
        try:
            stack.enter_context(services().waiters.enter(request.tenant, PATIENCE))
        except Crowded:
            return broker().search.search(request)
        return broker().search.search(request, PATIENCE)


def _kept(file: FileStorage) -> str:
    """The storage key of the picture, where search processes find it for as long as the request lasts."""
    upload = receive(file, "image", max_bytes=MAX_PICTURE_BYTES)
    key = paths.source(tenant().name, str(uuid4()))  # of no media file: what is left there is swept away
    upload.stream.seek(0)
    try:
        broker().storage.put(key, upload.stream)  # type: ignore[arg-type]
    except Unavailable:
        broker().storage.delete(key)
        raise
    return key


def _request(asked: Mapping[str, Any], picture: str = "") -> SearchRequest:
    named = {_TIMES.get(name, name): value for name, value in asked.items()}
    like = asked.get("like")
    return SearchRequest(
        tenant=tenant().name,
        query=asked.get("q", ""),
        entity_type=asked.get("type"),
        limit=asked["limit"],
        min_similarity=asked.get("min_similarity"),
        min_relevance=asked.get("min_relevance", 0.0),
        like=str(like) if like else "",
        picture=picture,
        narrowing={name: value for name, value in named.items() if name in _NARROWING},
        after=asked.get("cursor"),
    )


def _answer(asked: Mapping[str, Any], found: Found) -> dict[str, Any]:
    ids = [hit.entity_id for hit in found.hits]
    records = broker().media.get_many(tenant().name, ids)
    like: UUID | None = asked.get("like")
    return {
        "query": asked.get("q"),
        "like": str(like) if like else None,
        "results": [_shown(hit, records.get(hit.entity_id)) for hit in found.hits],
        "count": len(found.hits),
        "total": found.total,
        "total_exact": found.exact,
        "next_cursor": cursor_of(found.after),
        "generation": found.generation,
        "complete": not found.missing,
        "missing": found.missing,
    }


def _shown(hit: Hit, record: MediaRecord | None) -> dict[str, Any]:
    """A hit with links: to a picture of the file, and to the moment of a video or the page where it was found."""
    places = [_placed(place, record) for place in hit.places]
    matched = places[0]["matched"] if places else None
    links = {"picture_url": picture(record), "thumbnail_url": thumbnail(record)}
    return hit.members() | links | {"matched": matched, "places": places}


def _placed(place: Mapping[str, Any], record: MediaRecord | None) -> dict[str, Any]:
    page = place.get("page")
    page_url = MediaLinks(record.id).view(record, page) if record and page else None
    return {**place, "page_url": page_url, "picture_url": _moment(record, place.get("start"))}


def _moment(record: MediaRecord | None, seconds: float | None) -> str | None:
    link = thumbnail(record) if record and record.kind == "video" and seconds is not None else None
    return f"{link}?time={seconds:g}" if link else None
