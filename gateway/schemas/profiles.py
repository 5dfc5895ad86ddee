"""Profiles of videos."""

from marshmallow import fields
from marshmallow.validate import OneOf

from broker.environment.video_profiles import CODECS, QUALITIES
from broker.schema import Schema
from gateway.schemas.members import required


class VideoProfile(Schema):
    """How videos are encoded that name it."""

    name = fields.String(**required("What uploads call it."))
    default = fields.Boolean(**required("Whether it is that of videos that name none."))
    codec = fields.String(validate=OneOf(CODECS), **required("What pictures are encoded with."))
    ladder = fields.List(
        fields.Integer(), **required("Short sides of the renditions in pixels; those above the video's are left out.")
    )
    quality = fields.String(validate=OneOf(QUALITIES), **required("How close to the source."))
    normalize_audio = fields.Boolean(**required("Whether all sound is brought to one loudness."))


class VideoProfileList(Schema):
    """All there are."""

    profiles = fields.List(
        fields.Nested(VideoProfile), **required("That of videos that name none first, then by name.")
    )
