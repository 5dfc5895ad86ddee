"""Receivers to call."""

from tests.broker.webhooks.conftest import new_receiver, receiver

__all__ = ["new_receiver", "receiver"]
