"""``/api/images``: upload, list, show, delete."""

from broker.task import NewTask
from gateway.media_view import show_image
from gateway.routes.media import MediaKind, media_blueprint
from gateway.schemas.media import Image

blueprint = media_blueprint(
    MediaKind(
        name="image",
        schema=Image,
        task=lambda media_id: NewTask("EmbeddingGeneration", {"entity_type": "image", "entity_id": media_id}),
        upload="Stores it and queues the EmbeddingGeneration task that makes it searchable, in one step.",
        show=show_image,
    )
)
