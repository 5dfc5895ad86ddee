"""Uploads that come in pieces: the headers of the protocol, and how such an upload is shown."""

from typing import Any

from marshmallow import ValidationError, fields, validates_schema
from marshmallow.validate import Equal, Length, Range

from broker.media.records import KINDS
from broker.schema import Schema
from gateway.fields import QueryInteger
from gateway.idempotency import IdempotencyHeader
from gateway.schemas.members import nullable, required
from gateway.schemas.paging import page_of
from gateway.tus import MAX_METADATA, VERSION

_MOST = 10**15


class TusHeaders(Schema):
    """What every request of the protocol has."""

    version = fields.String(
        data_key="Tus-Resumable",
        required=True,
        validate=Equal(VERSION),
        metadata={"description": "With another version, or none, the answer is 412.", "enum": [VERSION]},
    )


class BodyHeaders(TusHeaders):
    """What is said of a body."""

    checksum = fields.String(
        data_key="Upload-Checksum",
        validate=Length(max=200),
        metadata={"description": "Of the body: `sha1`, `sha256`, `sha512` or `md5`, a space, the checksum in Base64."},
    )


class CreationHeaders(BodyHeaders, IdempotencyHeader):
    """What a new upload will be: with ``Upload-Length`` or ``Upload-Defer-Length``."""

    size = QueryInteger(
        data_key="Upload-Length",
        validate=Range(0, _MOST),
        metadata={"description": "Bytes of the whole file; required without `Upload-Defer-Length`."},
    )
    deferred = fields.String(
        data_key="Upload-Defer-Length",
        validate=Equal("1"),
        metadata={
            "description": "`1`, in place of `Upload-Length`: it is told by a later PATCH, the last one, say.",
            "enum": ["1"],
        },
    )
    metadata = fields.String(
        data_key="Upload-Metadata",
        load_default="",
        validate=Length(max=MAX_METADATA),
        metadata={
            "description": "Pairs with commas between them, each a name, a space and a text in Base64: `kind` (video, "
            "image, ...; else `filetype`, such as video/mp4, tells it), `filename`, and what the form of an upload of "
            "that kind has, written as there: `group`, `tags`, `then`, `deadline`, `expires_at`, `keep_source`, "
            "`profile`.",
            "example": "filename aG9saWRheS5tcDQ=,kind dmlkZW8=",
        },
    )

    @validates_schema
    def _one_of_them(self, data: dict[str, Any], **_: Any) -> None:
        if ("size" in data) == ("deferred" in data):
            raise ValidationError("Give it, or Upload-Defer-Length: 1; not both.", "Upload-Length")


class PieceHeaders(BodyHeaders):
    """Where a piece belongs."""

    offset = QueryInteger(
        data_key="Upload-Offset",
        required=True,
        validate=Range(0, _MOST),
        metadata={"description": "How many bytes are there already; another number is refused (409)."},
    )
    length = QueryInteger(
        data_key="Upload-Length",
        validate=Range(0, _MOST),
        metadata={"description": "Bytes of the whole file, of an upload that began with `Upload-Defer-Length`."},
    )


class ResumableUpload(Schema):
    """An upload that comes in pieces."""

    id = fields.String(**required("The upload's id, and that of the media file which it becomes.", format="uuid"))
    kind = fields.String(**required("What it is to be.", enum=sorted(KINDS)))
    filename = fields.String(**required("The name it was announced with."))
    size = fields.Integer(**nullable("Bytes of the whole file; null until that is told."))
    offset = fields.Integer(**required("Bytes that are there."))
    complete = fields.Boolean(**required("Whether the media file is there."))
    created_at = fields.String(**required("When it was begun.", format="date-time"))
    expires_at = fields.String(
        **required("When it is given up, or, complete, forgotten; later with each piece.", format="date-time")
    )
    media_url = fields.String(**nullable("Where the media file is shown, once it is there."))


ResumableUploadPage = page_of("ResumableUploadPage", "uploads", ResumableUpload)
