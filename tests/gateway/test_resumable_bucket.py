"""Resumable uploads into a bucket: small pieces and large ones, and the end of one whose maker died."""

import io
from dataclasses import replace

import pytest
from flask.testing import FlaskClient

from broker.broker import Broker
from broker.errors import Unavailable
from broker.media.s3 import S3Storage
from gateway.app import create_app
from gateway.config import GatewaySettings
from tests.broker.media.conftest import bucket, s3_endpoint
from tests.gateway.media import MP4
from tests.gateway.tus_client import begun, offset_of, patch

__all__ = ["bucket", "s3_endpoint"]
MIB = 1024 * 1024


@pytest.fixture
def stored(bucket: str, broker: Broker) -> Broker:
    made = Broker(broker.settings, broker.types)
    made.__dict__["storage"] = S3Storage(bucket, "media")
    return made


@pytest.fixture
def client(stored: Broker, gateway_settings: GatewaySettings) -> FlaskClient:
    client = create_app(replace(gateway_settings, max_upload_bytes=100 * MIB), stored, {}).test_client()
    client.environ_base["HTTP_AUTHORIZATION"] = "Bearer acme-key"
    return client


def test_pieces_of_any_size_become_the_file(
    client: FlaskClient, stored: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = MP4 + bytes(7 * MIB)
    place = begun(client, len(data))
    for start, end in ((0, 100), (100, 6 * MIB), (6 * MIB, 6 * MIB + 1)):
        assert patch(client, place, start, data[start:end]).status_code == 204
    with monkeypatch.context() as patched:

        def die(*_: object, **__: object) -> None:
            raise Unavailable("killed")

        patched.setattr(stored.tasks, "submit", die)
        patched.setattr(stored.tasks, "submit_linked", die)
        assert patch(client, place, 6 * MIB + 1, data[6 * MIB + 1 :]).status_code == 503
    assert offset_of(client, place) == 6 * MIB + 1
    assert patch(client, place, 6 * MIB + 1, data[6 * MIB + 1 :]).status_code == 204
    video = client.get(client.get(place).json["media_url"]).json
    assert client.get(video["source_url"]).data == data
    assert [each.key for each in stored.storage.walk()] == [f"acme/{video['id']}/source"]
    assert stored.storage.remove_unfinished(-3600, lambda keys: set()) == 0


def test_a_part_that_comes_late_from_a_writer_that_was_taken_for_dead_spoils_nothing(
    client: FlaskClient, stored: Broker
) -> None:
    """It was on its way when another took over, whose piece is of another size."""
    data = MP4 + bytes(14 * MIB)
    place = begun(client, len(data))
    upload_id = place.rpartition("/")[2]
    with stored.uploads.writer("acme", upload_id, 6 * MIB) as dead:
        stored.redis.hset(stored.keys.upload(upload_id), "held_until_us", 1)
        assert patch(client, place, 0, data[: 7 * MIB]).status_code == 204
        late = io.BytesIO(data[: 6 * MIB])
        stored.storage.resumable.append(dead.upload.key, dead.upload.state, late, 0, 6 * MIB, len(data))
    assert patch(client, place, 7 * MIB, data[7 * MIB :]).status_code == 204
    video = client.get(client.get(place).json["media_url"]).json
    assert client.get(video["source_url"]).data == data


def test_a_complete_one_is_told_to_be_complete_whoever_has_died_at_it(client: FlaskClient, stored: Broker) -> None:
    place = begun(client)
    assert patch(client, place, 0, MP4).status_code == 204
    upload_id = place.rpartition("/")[2]
    with stored.uploads.writer("acme", upload_id):
        stored.redis.hset(stored.keys.upload(upload_id), "held_until_us", 1)
        assert patch(client, place, 0, MP4).status_code == 409
        assert patch(client, place, len(MP4), b"").status_code == 204
