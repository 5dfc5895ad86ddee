"""``/api/documents``: upload, list, show, delete."""

from broker.task import NewTask
from gateway.media_view import show_document
from gateway.routes.media import MediaKind, media_blueprint
from gateway.schemas.media import Document

blueprint = media_blueprint(
    MediaKind(
        name="document",
        schema=Document,
        task=lambda media_id: NewTask("EmbeddingGeneration", {"entity_type": "document", "entity_id": media_id}),
        upload="Stores it and queues the EmbeddingGeneration task that makes it searchable, in one step. Plain text, "
        "Markdown, HTML, PDF, Word (docx) and subtitles (SRT, WebVTT).",
        show=show_document,
    )
)
