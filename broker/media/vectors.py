"""Vectors: what semantic search compares, kept per tenant and model, as bytes that only the encoder understands."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Vector:
    """One L2-normalised vector, little-endian float16, of a part (frame, passage; 0 for the whole) of an entity."""

    entity_type: str
    entity_id: str
    part: int
    data: bytes


class VectorStore(Protocol):
    """Vectors of different models are never mixed: every call names the model."""

    def put(self, tenant: str, model: str, entity_type: str, entity_id: str, vectors: list[bytes]) -> None:
        """Replace all vectors of one entity."""

    def delete(self, tenant: str, entity_id: str) -> None:
        """Forget an entity in every model."""

    def version(self, tenant: str, model: str) -> int:
        """A number that grows with every change, so that a reader knows when to read again."""

    def all(self, tenant: str, model: str) -> Iterator[Vector]:
        """Everything a tenant has for a model."""
