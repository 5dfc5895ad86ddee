"""``python -m tests.broker.worker.main``: a worker for the test types, set up by the environment as the real one is.

Beside the broker's own settings: ``TEST_GRACE`` shortens the grace after a timeout, ``TEST_POINT`` makes a child stop
or die at a named point (see ``tests.broker.worker.points``), ``TEST_VERSION`` makes it one of a release in which the
type ``Act`` has this version.
"""

import os
from dataclasses import replace

from broker.config import BrokerSettings
from broker.log import set_up_logging
from broker.worker import supervisor
from tests.broker.worker import points
from tests.broker.worker.task_types import TYPES


def main() -> None:
    set_up_logging(os.environ)
    if grace := os.environ.get("TEST_GRACE"):
        supervisor.GRACE = float(grace)
    points.install(os.environ)
    act = replace(TYPES["Act"], version=int(os.environ.get("TEST_VERSION", 1)), min_version=None)
    supervisor.run(BrokerSettings.from_env(os.environ), TYPES | {"Act": act})


if __name__ == "__main__":
    main()
