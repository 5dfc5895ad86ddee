"""``/api/videos``: upload, list, show, delete."""

from broker.media.transcoding_options import TranscodingOptions
from broker.task import NewTask
from gateway.media_view import show_video
from gateway.routes.media import MediaKind, media_blueprint
from gateway.schemas.media import Video, VideoByUrl, VideoUpload

blueprint = media_blueprint(
    MediaKind(
        name="video",
        schema=Video,
        task=lambda media_id: NewTask("VideoTranscoding", {"video_id": media_id}),
        upload="Stores it and queues its VideoTranscoding task, and beside it the EmbeddingGeneration task that makes "
        "it searchable, in one step. If one of them fails, the other goes on.",
        show=show_video,
        form=VideoUpload,
        by_url=VideoByUrl,
        options=tuple(TranscodingOptions().fields),
    )
)
