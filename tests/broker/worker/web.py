"""``gunicorn tests.broker.worker.web:app``: the real gateway for the test types, set up by the environment.

Beside the product's own settings: ``TEST_RUNNING`` shortens the time after which a request whose gateway died may be
taken over, ``TEST_POINT`` lets a gateway die at a named point (see ``tests.broker.worker.points``).
"""

import os

from broker.tasks import idempotency
from tests.broker.worker import points

idempotency.RUNNING_SECONDS = int(os.environ.get("TEST_RUNNING", idempotency.RUNNING_SECONDS))
points.install(os.environ)

from scripts.web import app  # noqa: E402  what it imports has to be set up before

__all__ = ["app"]
