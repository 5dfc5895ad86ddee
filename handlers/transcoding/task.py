"""Declares the task type VideoTranscoding; imports nothing heavy."""

from marshmallow import RAISE, fields

from broker.media.transcoding_options import TranscodingOptions, judge
from broker.schema import Schema
from broker.task_type import TaskType


class VideoTranscodingPayload(TranscodingOptions):
    """Which uploaded video to transcode, and how."""

    class Meta:
        unknown = RAISE

    video_id = fields.UUID(required=True, metadata={"description": "The video's id, as its upload answered it."})


class Variant(Schema):
    """One rendition of the video."""

    name = fields.String(required=True, metadata={"description": "Like 720p: the short side in pixels."})
    width = fields.Integer(required=True)
    height = fields.Integer(required=True)
    bandwidth = fields.Integer(required=True, metadata={"description": "Peak bits per second, audio included."})
    codecs = fields.String(required=True, metadata={"description": "RFC 6381 codec names."})
    playlist = fields.String(required=True, metadata={"description": "Its playlist, relative to the master playlist."})
    encoder = fields.String(
        required=True,
        metadata={"description": "What it was made with: libx264, say, or copy where it is the video's own pictures."},
    )


class AudioTrack(Schema):
    """One rendition of sound. The first of the video's is the one that players begin with."""

    name = fields.String(required=True, metadata={"description": "What viewers see: its title, else its language."})
    language = fields.String(required=True, metadata={"description": "A BCP 47 tag, und where the file has none."})
    playlist = fields.String(required=True, metadata={"description": "Its playlist, relative to the master playlist."})


class Loudness(Schema):
    """How loud the first rendition of sound is (EBU R 128)."""

    integrated_lufs = fields.Float(required=True)
    range_lu = fields.Float(required=True)
    true_peak_dbtp = fields.Float(required=True, allow_none=True, metadata={"description": "Null for silence."})


class VideoTranscodingResult(Schema):
    """What became of the video. ``width`` and ``height`` are those of the source as it is displayed."""

    video_id = fields.String(required=True)
    width = fields.Integer(required=True)
    height = fields.Integer(required=True)
    duration_seconds = fields.Float(required=True)
    frame_rate = fields.Float(required=True, metadata={"description": "Frames per second of every rendition."})
    profile = fields.String(required=True, metadata={"description": "The profile that it was encoded by."})
    encoder = fields.String(
        required=True, metadata={"description": "What its pictures were encoded with, such as libx264 or hevc_nvenc."}
    )
    variants = fields.List(fields.Nested(Variant), required=True)
    audio_tracks = fields.List(fields.Nested(AudioTrack), required=True)
    loudness = fields.Nested(Loudness, required=True, allow_none=True)
    hls_master = fields.String(required=True)
    poster = fields.String(required=True)
    storyboard = fields.String(
        required=True,
        metadata={"description": "A WebVTT that tells which part of which picture stands for which time."},
    )
    warnings = fields.List(
        fields.String(),
        required=True,
        metadata={"description": "One line for everything of the upload that was left out, cut or could not be read."},
    )


VIDEO_TRANSCODING = TaskType(
    name="VideoTranscoding",
    payload=VideoTranscodingPayload,
    handler="handlers.transcoding.run:transcode",
    rate=2,
    burst=4,
    # A film takes as long as it takes: what bounds a run follows its length and its ladder, and whether frames come.
    bounds_itself=True,
    typical_seconds=60.0,
    result=VideoTranscodingResult,
    judged=judge,
    requires=("av", "ffmpeg", "imageio_ffmpeg"),
)
