"""Uploaded files: what is sent, and how they are shown."""

import json
from typing import Any

from flask_smorest.fields import Upload
from marshmallow import ValidationError, fields
from marshmallow.validate import Length, OneOf

from broker.clock import Clock
from broker.environment.video_profiles import option_fields
from broker.media.transcoding_options import PASSTHROUGH, TranscodingOptions, profile_field
from broker.outbound.guard import MAX_URL
from broker.schema import Schema
from broker.status import Status
from broker.tasks.submission import MAX_NAME, MAX_TAGS
from gateway.fields import BoundedList, Moment, QueryFlag, Words, check_representable
from gateway.schemas.captions import Caption
from gateway.schemas.links import LinkedFile
from gateway.schemas.members import nullable, required
from gateway.schemas.tasks import Progress

#: Tasks that may follow an upload's own.
MAX_FOLLOWERS = 20


def _check_future(moment_us: int) -> None:
    if moment_us <= Clock().now_us():
        raise ValidationError("Must be in the future.")


class FileUpload(Schema):
    """A form with one file."""

    file = Upload(required=True, metadata={"description": "The file, with its name. Its bytes tell what it is."})
    expires_at = Moment(
        end=True,
        validate=_check_future,
        metadata={
            "description": "When it is deleted by itself, with all that was made of it; in the future. The operator "
            "may keep files for a shorter time."
        },
    )


class _Names(fields.String):
    """A JSON list of names, as the text of a form's part."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        if not isinstance(value, str):
            raise ValidationError("Must be text, without a filename.")
        try:
            names = json.loads(value)
        except (ValueError, RecursionError):
            names = None
        if not isinstance(names, list) or not all(isinstance(each, str) for each in names):
            raise ValidationError('Must be a JSON list of names, such as ["checksum", "embedding"].')
        if not 1 <= len(names) <= MAX_FOLLOWERS:
            raise ValidationError(f"Must have 1 to {MAX_FOLLOWERS} members.")
        return names


class _Tags(_Names):
    """The same of tags."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        tags = super()._deserialize(value, attr, data, **kwargs)
        if len(tags) > MAX_TAGS or not all(1 <= len(each) <= MAX_NAME and each.isprintable() for each in tags):
            raise ValidationError(f"Must be at most {MAX_TAGS} of 1 to {MAX_NAME} printable characters.")
        return tags


class MediaUpload(FileUpload):
    """A form with one file, and what is to be done with it."""

    deadline = Moment(
        validate=[check_representable, _check_future],
        metadata={
            "description": "As the `deadline` of a task, for the upload's own, in the future: what follows it by "
            "`then` is cancelled with it."
        },
    )
    group = Words(
        MAX_NAME,
        metadata={"description": "As the `group` of a task, for all tasks of the upload: your end user, say."},
    )
    tags = _Tags(
        metadata={
            "description": "As the `tags` of a task, for all tasks of the upload: a JSON list.",
            "example": '["holiday", "2024"]',
        }
    )
    embed = QueryFlag(
        metadata={
            "description": "`false` leaves it out of search, `true` makes it searchable, beside whatever else is made "
            "of it. Unless given, as the operator has set it for this kind of media (`EMBED_UPLOADS`): `true`, usually."
        }
    )
    then = _Names(
        metadata={
            "description": "What is to follow the upload's own task once that has completed: a JSON list of plugins by "
            "their names, and of the word embedding, by which a video becomes searchable when it is transcoded and not "
            'at once: `["checksum", "embedding"]`. All '
            "of these tasks, that of the upload among them, are one flow, of whose end webhooks are told once.",
            "example": '["checksum", "embedding"]',
        }
    )


class _Ladder(fields.String):
    """A JSON list, as the text of a form's part."""

    def __init__(self) -> None:
        self._heights = option_fields()["ladder"]
        description = f"{self._heights.metadata['description']} A JSON list."
        super().__init__(metadata={"description": description, "example": "[360, 720]"})

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        try:
            heights = json.loads(super()._deserialize(value, attr, data, **kwargs))
        except (ValueError, RecursionError):
            heights = None
        if not isinstance(heights, list):
            raise ValidationError("Must be a JSON list of numbers, such as [360, 720].")
        return self._heights.deserialize(heights, attr, data)


class VideoUpload(MediaUpload):
    """A form with a video."""

    profile = profile_field()
    codec, quality = (option_fields()[name] for name in ("codec", "quality"))
    ladder = _Ladder()
    normalize_audio = QueryFlag(metadata=option_fields()["normalize_audio"].metadata)
    passthrough = QueryFlag(metadata={"description": PASSTHROUGH})
    keep_source = QueryFlag(
        metadata={
            "description": "`false` removes the uploaded file, and nothing else, when it is transcoded and no task "
            "that names it waits or runs: then it plays, and nothing more can be made of it. `true` unless given."
        }
    )


class MediaByUrl(Schema):
    """A file that is fetched from elsewhere."""

    url = fields.String(
        required=True,
        validate=Length(1, MAX_URL),
        metadata={
            "description": "Where it is: http or https, on the public internet, without a user name or password. "
            "A few redirects are followed. It is not shown again.",
            "example": "https://files.example.com/holiday.mp4",
        },
    )
    filename = fields.String(
        validate=Length(1, 255), metadata={"description": "What it is called; else the end of the URL's path."}
    )
    expires_at = Moment(end=True, validate=_check_future, metadata={"description": "As in the form."})
    deadline = Moment(validate=[check_representable, _check_future], metadata={"description": "As in the form."})
    group = Words(MAX_NAME, metadata={"description": "As in the form."})
    tags = BoundedList(Words(MAX_NAME), 0, MAX_TAGS, metadata={"description": "As in the form."})
    embed = fields.Boolean(truthy={True}, falsy={False}, metadata={"description": "As in the form."})
    then = BoundedList(
        fields.String(), 1, MAX_FOLLOWERS, metadata={"description": "As in the form.", "example": ["checksum"]}
    )


class VideoByUrl(MediaByUrl, TranscodingOptions):
    """A video that is fetched from elsewhere."""

    keep_source = fields.Boolean(truthy={True}, falsy={False}, metadata={"description": "As in the form."})


class PluginNote(Schema):
    """What a plugin made of a file last."""

    task_id = fields.String(**required("The task whose result has all of it.", format="uuid"))
    data = fields.Dict(**nullable("Its answer; null above 4 KiB: see the task's result."))
    files = fields.List(fields.Nested(LinkedFile), **required("What it has made beside that."))


class Index(Schema):
    """Whether and how a file can be searched for."""

    status = fields.String(
        validate=OneOf(["left_out", "waiting", "indexed", "failed"]),
        **required("`left_out`: it was not asked for, or the task has gone."),
    )
    task_id = fields.String(**nullable("The task that makes it searchable.", format="uuid"))
    model = fields.String(**nullable("What its vectors were made by, once there are some."))
    vectors = fields.Integer(**nullable("How many parts of it can be found: scenes, passages, words spoken, its name."))
    passages_left_out = fields.Integer(
        **required("Passages of a long text that are not among them; those that are are spread evenly.")
    )
    cut_off = fields.Boolean(**required("Whether the text goes on behind what was read of it."))
    ocr_pages = fields.Integer(**required("Pages of a PDF that were read as pictures, as scans are."))
    ocr_pages_left_out = fields.Integer(
        **required("Pages of hardly any text that were not read so: it is off, they are too many, or cannot be drawn.")
    )
    error = fields.String(**nullable("Why it cannot be searched for."))


class Media(Schema):
    """An uploaded file and what has become of it."""

    id = fields.String(**required("The file's id.", format="uuid"))
    filename = fields.String(**required("The name it was sent with."))
    content_type = fields.String(**nullable("What its bytes say it is; null until it is fetched from its URL."))
    size = fields.Integer(**nullable("Bytes; null until then."))
    created_at = fields.String(**required("When it was uploaded.", format="date-time"))
    expires_at = fields.String(**nullable("When it is deleted by itself.", format="date-time"))
    task_id = fields.String(**nullable("The task that the upload made.", format="uuid"))
    flow = fields.String(**nullable("The flow of that task and of what follows it by `then`; null where nothing does."))
    status = fields.Enum(
        Status,
        by_value=True,
        **required("That task's status; completed, too, once another task has made what it did not."),
    )
    progress = fields.Nested(Progress, **nullable("How far that task is."))
    error = fields.String(**nullable("What went wrong with it last."))
    source_url = fields.String(**required("The uploaded file itself; opens without a key, for 24 hours."))
    tags = fields.List(fields.String(), **required("The tags it was uploaded with."))
    index = fields.Nested(Index, **required("Whether and how it can be searched for."))
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
    encoder = fields.String(
        **nullable("What made its pictures: libx264, say, or copy where they are the video's own; null if not known.")
    )
    download_url = fields.String(**required("It as one MP4, with the first sound; opens without a key, for 24 hours."))


class Sound(Schema):
    """One rendition of a video's sound."""

    name = fields.String(**required("What viewers see: its title in the file, else its language."))
    language = fields.String(**required("A BCP 47 tag, und where the file has none."))
    playlist = fields.String(**required("Its playlist, relative to hls_url."))


class MeasuredLoudness(Schema):
    """How loud a video's first sound is (EBU R 128)."""

    integrated_lufs = fields.Float(**required("Over the whole length, in LUFS."))
    range_lu = fields.Float(**required("The loudness range, in LU."))
    true_peak_dbtp = fields.Float(**nullable("The highest peak between samples, in dBTP; null for silence."))


class Video(Media):
    """A video."""

    keep_source = fields.Boolean(**required("Whether the uploaded file stays when it is transcoded."))
    source_removed_at = fields.String(
        **nullable("Since when the uploaded file is not there any more.", format="date-time")
    )
    width = fields.Integer(**nullable("Pixels, once known."))
    height = fields.Integer(**nullable("Pixels, once known."))
    duration_seconds = fields.Float(**nullable("Its length, once known."))
    profile = fields.String(**nullable("The profile it was encoded by, once that is done."))
    encoder = fields.String(**nullable("What its pictures were encoded with, such as libx264 or hevc_nvenc."))
    variants = fields.List(fields.Nested(Rendition), **required("The renditions that can be played."))
    audio_tracks = fields.List(fields.Nested(Sound), **required("All sound; players begin with the first."))
    loudness = fields.Nested(MeasuredLoudness, **nullable("How loud the first of it is, once measured."))
    playable = fields.Boolean(
        **required(
            "Whether hls_url can be played: that begins when the first seconds of the smallest rendition are there, "
            "while the status is still processing."
        )
    )
    playable_seconds = fields.Float(
        **nullable("How much of it can be played now: all of it once the status is completed.")
    )
    hls_url = fields.String(
        **required("The HLS playlist; opens without a key, for 24 hours, once the video is playable.")
    )
    poster_url = fields.String(**nullable("A still picture, once the status is completed; opens likewise."))
    storyboard_url = fields.String(
        **nullable("A WebVTT of small pictures by time, for a player's bar (`#xywh=`), under the same rules.")
    )
    thumbnail_url = fields.String(
        **nullable("A picture of any moment: add `?time=` in seconds and `width=`. Under the same rules.")
    )
    captions = fields.List(fields.Nested(Caption), **required("Its captions, which are in the HLS playlist too."))


class Image(Media):
    """An image."""

    thumbnail_url = fields.String(
        **nullable(
            "A small WebP of it, upright and without metadata, whatever its own format: add `?width=`. Opens without a "
            "key, for 24 hours; null until the file is fetched from its URL."
        )
    )


class Audio(Media):
    """An audio file."""

    duration_seconds = fields.Float(**nullable("Its length, once known."))
    title = fields.String(**nullable("As the file says, once known; likewise the others."))
    artist = fields.String(**nullable("Who made it."))
    album = fields.String(**nullable("What it was published on."))
    genre = fields.String(**nullable("What it is called."))


class Document(Media):
    """A document."""

    view_url = fields.String(
        **nullable("A PDF for browsers to show, `#page=7` behind it at that page; opens likewise. Null for all else.")
    )
