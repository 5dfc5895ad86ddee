"""Links to what was made of an uploaded file."""

from marshmallow import fields

from broker.schema import Schema
from gateway.schemas.members import required


class LinkedFile(Schema):
    """A file that a plugin has made."""

    name = fields.String(**required("Its name."))
    size = fields.Integer(**required("Bytes."))
    url = fields.String(**required("Where it is; opens without a key, for 24 hours."))


class TaskLinks(Schema):
    """What can be opened of a task's result. Links without a key are made when the task is shown, for 24 hours."""

    hls_url = fields.String(metadata={"description": "Of a transcoding: the HLS playlist; opens without a key."})
    poster_url = fields.String(metadata={"description": "Of a transcoding: a still picture, under the same rules."})
    storyboard_url = fields.String(
        metadata={"description": "Of a transcoding: a WebVTT of small pictures by time, under the same rules."}
    )
    files = fields.List(
        fields.Nested(LinkedFile), metadata={"description": "Of a plugin: what it has made, under the same rules."}
    )
    media_url = fields.String(
        metadata={
            "description": "In webhooks, instead of links that expire: the address of the video or image in this API, "
            "which shows fresh ones to whoever has a key."
        }
    )
