"""Signatures and secrets after Standard Webhooks: the specification's own example, and the official verifier."""

import base64
from datetime import UTC, datetime

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from broker.webhooks.signing import new_secret, signed_headers


def test_the_well_known_example() -> None:
    headers = signed_headers(
        "msg_p5jXN8AQM9LWM0D4loKWxJek",
        1614265330,
        b'{"test": 2432232314}',
        ["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"],
    )
    assert headers == {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }


def test_a_secret_is_random_and_long_enough() -> None:
    secrets = {new_secret() for _ in range(100)}
    assert len(secrets) == 100
    assert all(24 <= len(base64.b64decode(each.removeprefix("whsec_"))) <= 64 for each in secrets)


@pytest.mark.parametrize("part", ["webhook-id", "webhook-timestamp", "body"])
def test_everything_that_counts_is_signed_by_every_key(part: str) -> None:
    keys = [new_secret(), new_secret()]
    now = int(datetime.now(UTC).timestamp())
    headers = signed_headers("evt_1", now, b'{"a":1}', keys)
    for key in keys:
        assert Webhook(key).verify(b'{"a":1}', headers) == {"a": 1}
    changed = headers | {"webhook-id": "evt_2"} if part == "webhook-id" else headers
    changed = headers | {"webhook-timestamp": str(now - 1)} if part == "webhook-timestamp" else changed
    with pytest.raises(WebhookVerificationError):
        Webhook(keys[0]).verify(b'{"a":2}' if part == "body" else b'{"a":1}', changed)
