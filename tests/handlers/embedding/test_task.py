"""Guards the task type's face: the guide's payload to the letter, and no heavy import where types are only listed."""

import subprocess
import sys

import pytest

from broker.errors import InvalidInput
from handlers.embedding.task import EMBEDDING_GENERATION

ID = "550e8400-e29b-41d4-a716-446655440000"


def test_the_guides_payload_is_taken_as_it_is() -> None:
    payload = {"entity_type": "image", "entity_id": ID}
    assert EMBEDDING_GENERATION.check_payload(payload) == payload


@pytest.mark.parametrize(
    ("payload", "pointers"),
    [
        ({}, {"/payload/entity_type", "/payload/entity_id"}),
        ({"entity_type": "sculpture", "entity_id": ID}, {"/payload/entity_type"}),
        ({"entity_type": "image", "entity_id": "seven"}, {"/payload/entity_id"}),
        ({"entity_type": "image", "entity_id": ID, "model": "other"}, {"/payload/model"}),
    ],
)
def test_anything_else_is_refused_by_name(payload: dict[str, str], pointers: set[str]) -> None:
    with pytest.raises(InvalidInput) as refused:
        EMBEDDING_GENERATION.check_payload(payload)
    assert {error["pointer"] for error in refused.value.extra["errors"]} == pointers


def test_its_limits_are_the_guides() -> None:
    assert (EMBEDDING_GENERATION.rate, EMBEDDING_GENERATION.burst) == (5.0, 10)


def test_declaring_the_type_imports_nothing_heavy() -> None:
    heavy = "numpy torch PIL av transformers sentence_transformers"
    program = f"import sys, handlers.embedding.task; print(sorted(set({heavy.split()!r}) & set(sys.modules)))"
    output = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    assert output.stdout.strip() == "[]"
