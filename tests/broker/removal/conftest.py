"""A library of media on a real broker, in a folder or in a bucket served on loopback."""

from pathlib import Path

import pytest

from broker.broker import Broker
from broker.config import BrokerSettings
from broker.media.local import LocalStorage
from broker.media.storage import Storage
from tests.broker.media.conftest import bucket, s3_endpoint, storage
from tests.broker.removal.library import Library
from tests.gateway.conftest import declared_types

__all__ = ["bucket", "s3_endpoint", "storage"]


def library_on(settings: BrokerSettings, storage: Storage) -> Library:
    broker = Broker.connect(settings, declared_types())
    broker.__dict__["storage"] = storage  # what it would open by itself
    return Library(broker)


@pytest.fixture
def library(settings: BrokerSettings, tmp_path: Path) -> Library:
    """In a folder."""
    return library_on(settings, LocalStorage(tmp_path / "media"))


@pytest.fixture
def any_library(settings: BrokerSettings, storage: Storage) -> Library:
    """In each storage in turn."""
    return library_on(settings, storage)
