"""``/api/audios``: upload, list, show, delete."""

from broker.task import NewTask
from gateway.media_view import show_audio
from gateway.routes.media import MediaKind, media_blueprint
from gateway.schemas.media import Audio

blueprint = media_blueprint(
    MediaKind(
        name="audio",
        schema=Audio,
        task=lambda media_id: NewTask("EmbeddingGeneration", {"entity_type": "audio", "entity_id": media_id}),
        upload="Stores it and queues the EmbeddingGeneration task that makes it searchable, in one step: by its tags, "
        "its name, and what is said in it once a plugin has written that down.",
        show=show_audio,
    )
)
