"""``/api/videos/{id}/captions``: added to a video, listed, taken away."""

from functools import partial
from hashlib import sha256
from typing import Any
from uuid import UUID, uuid4

from flask import Response

from broker.access.scopes import Scope
from broker.captions.caption import captions_of
from broker.captions.cues import Cue
from broker.captions.reading import MAX_BYTES, read_captions
from gateway.answers import created
from gateway.blueprint import Blueprint
from gateway.current import broker, tenant
from gateway.followers import have_speech_searched
from gateway.idempotency import IdempotencyHeader, idempotent
from gateway.media_view import find, show_caption, show_captions
from gateway.schemas.captions import Caption, CaptionList, CaptionUpload

#: Seconds in which captions are taken away.
_MOMENT = 1.0

blueprint = Blueprint("captions", __name__, url_prefix="/api/videos", description="Captions of videos.")


@blueprint.post("/<uuid:video_id>/captions")
@blueprint.needs(Scope.WRITE)
@blueprint.arguments(CaptionUpload, location="files")
@blueprint.arguments(IdempotencyHeader, location="headers")
@blueprint.creates(Caption)
@blueprint.problems(404, 409, 413, 507)
def upload_captions(form: dict[str, Any], headers: dict[str, Any], video_id: UUID) -> Response:
    """Add captions to a video

    At any time, also before it is transcoded. Whoever opens the video from now on finds them in its HLS playlist, and
    soon what they say is found by a search, with its time. A file that is wrong is refused with the line
    (`invalid_captions`).
    """
    find("video", video_id)
    data, language = form["file"].stream.read(MAX_BYTES + 1), form["language"]
    label = form.get("label", language)
    cues = read_captions(data)
    return idempotent(
        headers, lambda: [sha256(data).hexdigest(), language, label], partial(_add, video_id, cues, language, label)
    )


def _add(video_id: UUID, cues: list[Cue], language: str, label: str, seed: UUID | None) -> Response:
    made = broker().captions.add(tenant().name, str(video_id), cues, language=language, label=label, seed=seed)
    have_speech_searched(find("video", video_id), made.id)
    return created(f"/api/videos/{video_id}/captions", Caption().dump(show_caption(str(video_id), made)))


@blueprint.get("/<uuid:video_id>/captions")
@blueprint.needs(Scope.READ)
@blueprint.response(200, CaptionList)
@blueprint.problems(404)
def list_captions(video_id: UUID) -> dict[str, Any]:
    """List a video's captions

    Those that were added, those that came with its file, and those that plugins have heard.
    """
    return {"captions": show_captions(find("video", video_id))}


@blueprint.delete("/<uuid:video_id>/captions/<uuid:caption_id>")
@blueprint.needs(Scope.WRITE)
@blueprint.response(204)
@blueprint.problems(404)
def delete_captions(video_id: UUID, caption_id: UUID) -> None:
    """Take captions away from a video

    Whoever opens the video from now on does not find them any more, and soon no search does.
    """
    record = find("video", video_id)
    if any(each.id == str(caption_id) for each in captions_of(record)):
        # Before they are gone, so that nothing that happens in between leaves their words behind.
        have_speech_searched(record, str(uuid4()), delay_seconds=_MOMENT)
    broker().captions.delete(tenant().name, str(video_id), str(caption_id))
