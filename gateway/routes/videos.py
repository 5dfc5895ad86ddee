"""``/api/videos``: upload, list, show."""

from broker.task import NewTask
from gateway.media_blueprint import MediaKind, media_blueprint
from gateway.media_view import show_video
from gateway.schemas.media import Video

blueprint = media_blueprint(
    MediaKind(
        name="video",
        schema=Video,
        task=lambda media_id: NewTask("VideoTranscoding", {"video_id": media_id}),
        upload="Stores it and queues its VideoTranscoding task, in one step.",
        show=show_video,
    )
)
