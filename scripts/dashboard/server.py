"""How gunicorn serves the dashboard (``--config python:scripts.dashboard.server``): as it serves the gateway."""

from gateway.server.log import Logger
from gateway.server.worker import Worker

worker_class = Worker
logger_class = Logger
threads = 4
loglevel = "warning"
control_socket_disable = True
forwarder_headers = ""
secure_scheme_headers: dict[str, str] = {}
