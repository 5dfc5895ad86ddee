"""Semantic search."""

import base64
import json
from collections.abc import Sequence
from typing import Any

from flask_smorest.fields import Upload
from marshmallow import ValidationError, fields, validates_schema
from marshmallow.validate import Length, OneOf, Range

from broker.media.parts import LABEL, NAME, PASSAGE, PICTURE, SPEECH, TEXT
from broker.schema import Schema
from broker.search.request import LEAST_RELEVANCE, MAX_LIMIT, MAX_QUERY
from broker.tasks.submission import MAX_NAME
from gateway.fields import Moment, QueryInteger, QueryNumber, Words
from gateway.filenames import legible
from gateway.schemas.members import nullable, required

#: Bytes and seconds beyond which nothing is.
_MOST = 10**15


class SearchCursor(fields.Field[list[Any]]):
    """A ``next_cursor``: where an answer goes on."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> list[Any]:
        try:
            score, similarity, kind, entity_id = json.loads(base64.urlsafe_b64decode(value.encode("ascii")))
            return [float(score), float(similarity), str(kind), str(entity_id)]
        except (AttributeError, TypeError, ValueError, OverflowError, RecursionError):
            raise ValidationError("Not a cursor that was answered here.") from None


def cursor_of(after: Sequence[Any] | None) -> str | None:
    """What ``SearchCursor`` reads."""
    if after is None:
        return None
    return base64.urlsafe_b64encode(json.dumps(list(after), separators=(",", ":")).encode()).decode("ascii")


class _PartOfName(Words):
    """Of a file's name, read as that was when it came."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        return super()._deserialize(legible(value) if isinstance(value, str) else value, attr, data, **kwargs)


class _Narrowed(Schema):
    """Which of what matches, and how much of it."""

    type = fields.String(
        validate=OneOf(["video", "image", "audio", "document"]), metadata={"description": "Only this kind of media."}
    )
    limit = QueryInteger(load_default=20, validate=Range(1, MAX_LIMIT), metadata={"description": "Results at most."})
    min_similarity = QueryNumber(
        validate=Range(-1, 1), metadata={"description": "Leave out what is less similar; no threshold if left out."}
    )
    start_date = Moment(metadata={"description": "Only what was uploaded then or later."})
    end_date = Moment(end=True, metadata={"description": "Only what was uploaded then or earlier."})
    min_size = QueryInteger(validate=Range(0, _MOST), metadata={"description": "Bytes at least."})
    max_size = QueryInteger(validate=Range(0, _MOST), metadata={"description": "Bytes at most."})
    min_duration = QueryNumber(
        validate=Range(0, _MOST), metadata={"description": "Seconds at least; only what is known to be so long."}
    )
    max_duration = QueryNumber(validate=Range(0, _MOST), metadata={"description": "Seconds at most, likewise."})
    tag = Words(MAX_NAME, metadata={"description": "Only what was uploaded with this tag."})
    filename = _PartOfName(MAX_QUERY, metadata={"description": "Only names that have this in them, whatever its case."})
    cursor = SearchCursor(
        metadata={"type": "string", "description": "Go on where an answer ended, by its `next_cursor`; else the same."}
    )


def _check_words(text: str) -> None:
    """Blanks, controls and what takes no place are nothing to look for: anything would be as near."""
    if not any(each.isprintable() and not each.isspace() for each in text):
        raise ValidationError("Must have something in it that can be seen.")


class SearchQuery(_Narrowed):
    """What to look for: `q` or `like`."""

    q = fields.String(
        validate=[Length(1, MAX_QUERY), _check_words],
        metadata={"description": "What to look for, in words.", "example": "a dog on a beach"},
    )
    min_relevance = QueryNumber(
        load_default=LEAST_RELEVANCE,
        validate=Range(0, 1),
        metadata={"description": "Leave out what is less relevant; 0 answers the best there is, fitting or not."},
    )
    like = fields.UUID(metadata={"description": "The id of a file that is embedded: look for what is like it."})

    @validates_schema
    def _one_of_them(self, data: dict[str, Any], **_: Any) -> None:
        if "q" in data and "like" in data:
            raise ValidationError("Give q or like, not both.", "like")
        if "q" not in data and "like" not in data:
            raise ValidationError("Give q, or like.", "q")


class PictureSearch(_Narrowed):
    """A form with a picture to look for."""

    file = Upload(
        required=True, metadata={"description": "A picture of at most 64 MiB: JPEG, PNG, GIF, WebP, AVIF or HEIC."}
    )


class Place(Schema):
    """One place in a file where something was found."""

    matched = fields.String(
        validate=OneOf([LABEL, PICTURE, NAME, PASSAGE, SPEECH, TEXT]),
        **required(
            "Why: `label`, what a classifier sees; `picture`, for models that see themselves; `name`, words of the "
            "file's name or title; `passage` of a document; `speech`, what is said; `text`, words in a picture."
        ),
    )
    similarity = fields.Float(**required("Cosine of the angle between query and this place."))
    text = fields.String(**nullable("The words there; of a picture, the labels that say the most."))
    marks = fields.List(
        fields.List(fields.Integer()),
        **required(
            "Where in `text` words of the query are, in some form: `[first character, the one after the last]` of each."
        ),
    )
    start = fields.Float(**nullable("Seconds from the beginning of the recording; when a frame is shown."))
    end = fields.Float(**nullable("Seconds, of what is said."))
    page = fields.Integer(**nullable("Of a document with pages, from 1."))
    page_url = fields.String(**nullable("That page of a PDF, for browsers to show; opens without a key, for 24 hours."))
    offset = fields.Integer(**nullable("Characters of the page's or the document's text before the passage."))
    picture_url = fields.String(**nullable("That moment of a video, as a picture; opens without a key, for 24 hours."))


class Duplicate(Schema):
    """A file with the same bytes."""

    entity_id = fields.String(**required("Its id.", format="uuid"))
    filename = fields.String(**required("The name it was sent with."))


class Hit(Schema):
    """Something that was found."""

    entity_type = fields.String(**required("What it is."))
    entity_id = fields.String(**required("Its id.", format="uuid"))
    filename = fields.String(**required("The name it was sent with."))
    similarity = fields.Float(**required("Cosine of the angle between query and content; 1 is the best."))
    relevance = fields.Float(
        **nullable(
            "How likely it is meant, 0 to 1, comparable between kinds of media; a half is as likely as not. "
            "Null where the model is one that this is not known of."
        )
    )
    picture_url = fields.String(
        **nullable("A picture of it, if there is one; opens without a key, for 24 hours."),
    )
    thumbnail_url = fields.String(
        **nullable("As `thumbnail_url` of the image or video: add `?width=`. Under the same rules."),
    )
    matched = fields.String(
        **nullable("Why it was found, by its best place; null for what an earlier release has embedded.")
    )
    places = fields.List(fields.Nested(Place), **required("Where in it, the best three at most, best first."))
    duplicates = fields.List(
        fields.Nested(Duplicate),
        **required(
            "Files with the very same bytes that matched, too, best first; they are no hits of their own on any page."
        ),
    )


class SearchResults(Schema):
    """What was found, best first."""

    query = fields.String(**nullable("The words that were looked for."))
    like = fields.String(**nullable("The file that was looked for.", format="uuid"))
    results = fields.List(fields.Nested(Hit), required=True)
    count = fields.Integer(**required("How many results these are."))
    total = fields.Integer(
        **required(
            "How many files match in all, duplicates included; up to 10,000 where `min_similarity` or filters are to "
            "be looked at."
        )
    )
    total_exact = fields.Boolean(**required("Whether there are no more than `total`."))
    next_cursor = fields.String(**nullable("Where this goes on, as `cursor`; null at the end."))
    generation = fields.String(**nullable("The generation of embeddings that was searched first; see `/status`."))
    complete = fields.Boolean(**required("Whether all files that are embedded were searched."))
    missing = fields.Integer(
        **required("How many were not, as a model that no search process has here is all that has embedded them yet.")
    )


class Generation(Schema):
    """What one model has made of a tenant's files."""

    name = fields.String(**required("The model, and a digest of all else that makes an embedding."))
    files = fields.Integer(**required("How many files it has embedded."))
    state = fields.String(
        validate=OneOf(["active", "next", "kept"]),
        **required("`active` answers searches, `next` is to, `kept` did, and is removed after `SEARCH_KEEP_DAYS`."),
    )
    kept_since = fields.String(**nullable("Since when it is kept.", format="date-time"))


class NotEmbedded(Schema):
    """A file that a generation cannot have."""

    entity_id = fields.String(**required("Its id.", format="uuid"))
    error = fields.String(**required("Why."))


class SearchStatus(Schema):
    """How a change of generation stands."""

    active = fields.String(**nullable("The generation that answers; null where nothing is embedded yet."))
    next = fields.String(**nullable("The one that is made; null when there is no change."))
    since = fields.String(**nullable("When the latest change began.", format="date-time"))
    switched_at = fields.String(**nullable("When the active one took over.", format="date-time"))
    total = fields.Integer(**required("Files that are embedded by any generation: the sum of the next three."))
    done = fields.Integer(**required("Files that the newest generation has."))
    missing = fields.Integer(**required("Files that it lacks and will get."))
    failed = fields.Integer(
        **required("Files that it cannot have. They hold up nothing, and are found by what they had before.")
    )
    tasks = fields.Integer(
        **required("Tasks, in the background, that were queued for missing files and have not ended.")
    )
    counted = fields.Boolean(**required("False while files are still looked through: more may be missing then."))
    estimate = fields.Float(**nullable("Seconds until nothing is missing, as fast as it has been since the beginning."))
    failures = fields.List(fields.Nested(NotEmbedded), **required("Some that failed, 20 at most."))
    generations = fields.List(fields.Nested(Generation), **required("All that there are."))
