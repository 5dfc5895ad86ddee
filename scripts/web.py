"""The gateway's composition root: ``gunicorn scripts.web:app`` serves what the environment asks for."""

import os
import sys

from broker.broker import Broker
from broker.config import BrokerSettings
from broker.errors import Unavailable
from broker.log import set_up_logging
from broker.tasks.catalogue import load_types
from gateway.app import Gateway, create_app
from gateway.config import GatewaySettings
from handlers.plugins.registry import load_plugins


def make_app() -> Gateway:
    """The application, or the end of the process with one line that says which setting is wrong."""
    set_up_logging(os.environ)
    try:
        settings = GatewaySettings.from_env(os.environ)
        broker = Broker(BrokerSettings.from_env(os.environ), load_types(os.environ))
        app = create_app(settings, broker, load_plugins(os.environ))
    except ValueError as error:
        sys.exit(f"the gateway cannot start: {error}")
    try:
        broker.queues.declare()
    except Unavailable as error:  # it is repeated (scripts.web_hooks); until Redis is there, requests are told so
        app.logger.warning("%s", error)
    return app


app = make_app()
