"""The gateway's composition root: ``gunicorn scripts.web:app`` serves what the environment asks for."""

import os
import sys

from broker.broker import Broker
from broker.doctor.cause import cause
from broker.doctor.server import never
from broker.errors import CannotKeep, Unavailable
from broker.log import set_up_logging
from broker.startup import Startup, refuse
from gateway.app import Gateway, create_app
from gateway.config import GatewaySettings


def make_app() -> Gateway:
    """The application, or the end of the process with a line for each setting that is wrong."""
    set_up_logging(os.environ)
    try:
        startup = Startup.from_env(os.environ, required=("REDIS_URL", "API_KEYS"))
    except ValueError as error:
        sys.exit(refuse("the gateway", error, os.environ))
    broker = Broker(startup.settings, startup.types)
    app = create_app(GatewaySettings.from_env(os.environ), broker, startup.plugins)
    try:
        broker.queues.declare()
        broker.tasks.durability.check()
    except CannotKeep as error:
        sys.exit(refuse("the gateway", ValueError(error.message), os.environ))
    except Unavailable as error:
        if wrong := never(broker):
            sys.exit(refuse("the gateway", ValueError(wrong), os.environ))
        # Declared later (scripts.web_server); until Redis takes tasks, requests are told so.
        app.logger.warning("not ready yet: %s", cause(broker.settings, error))
    return app


app = make_app()
