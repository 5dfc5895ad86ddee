"""Uploaded files: what is sent, and how they are shown."""

from flask_smorest.fields import Upload
from marshmallow import fields

from broker.schema import Schema
from broker.status import Status
from gateway.schemas.links import LinkedFile
from gateway.schemas.members import nullable, required
from gateway.schemas.tasks import Progress


class FileUpload(Schema):
    """A form with one file."""

    file = Upload(required=True, metadata={"description": "The file, with its name. Its bytes tell what it is."})


class PluginNote(Schema):
    """What a plugin made of a file last."""

    task_id = fields.String(**required("The task whose result has all of it.", format="uuid"))
    data = fields.Dict(**nullable("Its answer; null above 4 KiB: see the task's result."))
    files = fields.List(fields.Nested(LinkedFile), **required("What it has made beside that."))


class Media(Schema):
    """An uploaded file and what has become of it."""

    id = fields.String(**required("The file's id.", format="uuid"))
    filename = fields.String(**required("The name it was sent with."))
    content_type = fields.String(**required("What its bytes say it is."))
    size = fields.Integer(**required("Bytes."))
    created_at = fields.String(**required("When it was uploaded.", format="date-time"))
    task_id = fields.String(**nullable("The task that the upload made.", format="uuid"))
    status = fields.Enum(Status, by_value=True, **required("That task's status."))
    progress = fields.Nested(Progress, **nullable("How far that task is."))
    error = fields.String(**nullable("What went wrong with it last."))
    plugins = fields.Dict(
        keys=fields.String(), values=fields.Nested(PluginNote), **required("What plugins made of it, by their names.")
    )


class Rendition(Schema):
    """One rendition of a video."""

    name = fields.String(**required("Such as 720p: the short side in pixels."))
    width = fields.Integer(**required("Pixels."))
    height = fields.Integer(**required("Pixels."))
    bandwidth = fields.Integer(**required("Peak bits per second, audio included."))
    codecs = fields.String(**required("RFC 6381 codec names."))
    playlist = fields.String(**required("Its playlist, relative to hls_url."))


class Video(Media):
    """A video."""

    width = fields.Integer(**nullable("Pixels, once known."))
    height = fields.Integer(**nullable("Pixels, once known."))
    duration_seconds = fields.Float(**nullable("Its length, once known."))
    variants = fields.List(fields.Nested(Rendition), **required("The renditions that can be played."))
    hls_url = fields.String(
        **required("The HLS playlist; opens without a key, for 24 hours, once the status is completed.")
    )
    poster_url = fields.String(**nullable("A still picture, under the same rules."))


class Image(Media):
    """An image."""
