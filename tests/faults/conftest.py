"""The formations of the worker tests."""

from tests.workers.conftest import durable, formation, formation_of

__all__ = ["durable", "formation", "formation_of"]
