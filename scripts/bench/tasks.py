"""The seed's own task types, without limits, for measurements that run no worker."""

import json

from marshmallow import Schema, fields

from broker.task_type import TaskType
from scripts.bench.pipelines import Kind


class _Any(Schema):
    entity_type = fields.String()
    entity_id = fields.String()


NAMES = ("VideoTranscoding", "EmbeddingGeneration", "PluginExecution")
TYPES = {name: TaskType(name, _Any, "scripts.bench.tasks:TYPES") for name in NAMES}

#: What an image's embedding task looks like: the guide's payload and a typical answer of its handler.
PAYLOAD = {"entity_type": "image", "entity_id": "550e8400-e29b-41d4-a716-446655440000"}
RESULT = {"model": "all-MiniLM-L6-v2", "dimensions": 384, "vectors": 1}


def kind(name: str) -> Kind:
    """Tasks of a type with that payload."""
    return Kind(name, json.dumps(PAYLOAD, separators=(",", ":")), result=json.dumps(RESULT, separators=(",", ":")))
