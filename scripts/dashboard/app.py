"""The dashboard as a WSGI application: rq-dashboard's pages, unpatched, with what they lack put around them.

No pickle runs code; nobody enters unasked, by another host name or from another site; a GET changes nothing; what tasks
are about and have made is told, and shown as text; and addresses of things that are not there are answered with 404
instead of 500.
"""

import hmac
import json
import os
import re
from collections.abc import Callable
from html import escape
from pathlib import Path
from urllib.parse import urlsplit

import rq_dashboard
from flask import Flask, Response, abort, current_app, jsonify, request
from rq import Queue
from rq.exceptions import DeserializationError, NoSuchJobError
from rq_dashboard.web import RedisConnectionError, blueprint, setup_rq_connection

from broker.engine.connection import connect
from broker.environment.addresses import is_loopback
from broker.environment.sentinels import sentinels
from scripts.dashboard import plain_pickle
from scripts.dashboard.same_origin import is_same_origin
from scripts.dashboard.settings import DashboardSettings
from scripts.dashboard.words import teller

_REGISTRIES = {"queued", "failed", "deferred", "started", "finished", "scheduled", "canceled"}
_NUMBER = re.compile(r"[1-9][0-9]{0,8}")
#: The pages need inline scripts and templates compiled at run time, but no inline event handler and no other host.
_POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; script-src-attr 'none'; "
    "style-src 'self' 'unsafe-inline'; img-src 'self' data:; object-src 'none'; base-uri 'none'; form-action 'self'; "
    "frame-ancestors 'none'"
)


def create_app(settings: DashboardSettings) -> Flask:
    """The wrapped dashboard."""
    plain_pickle.install()
    app = Flask(__name__, static_folder=str(Path(rq_dashboard.__file__).parent / "static"))
    app.config["RQ_DASHBOARD_REDIS_URL"] = settings.redis_url
    app.config["DEPRECATED_OPTIONS"] = []
    _find_the_main_server(settings.redis_url)
    setup_rq_connection(app)
    app.register_blueprint(blueprint)
    app.before_request(_authenticate(settings) if settings.user else _refuse_other_names)
    app.before_request(_refuse_changes_from_elsewhere)
    app.before_request(_find)
    app.after_request(_set_headers)  # the last to be called
    app.after_request(_as_text)
    app.after_request(teller(settings))
    app.register_error_handler(NoSuchJobError, lambda _: _problem(404, "There is no such task."))
    app.register_error_handler(DeserializationError, _refused)
    app.register_error_handler(plain_pickle.Refused, _refused)
    app.register_error_handler(RedisConnectionError, lambda _: _problem(503, "Redis cannot be reached right now."))
    return app


def _find_the_main_server(url: str) -> None:
    """What the pages use for a ``redis+sentinel`` URL knows no user, no TLS and no password of the Sentinels."""
    if sentinels(url):
        client = connect(url, decode_responses=False)
        rq_dashboard.web.from_url = lambda *_, **__: (None, client)


def _authenticate(settings: DashboardSettings) -> Callable[[], Response | None]:
    def ask() -> Response | None:
        given = request.authorization
        right = [
            hmac.compare_digest(expected.encode(), (offered or "").encode())
            for expected, offered in (
                (settings.user, given.username if given else ""),
                (settings.password, given.password if given else ""),
            )
        ]
        if all(right):
            return None
        challenge = {"WWW-Authenticate": 'Basic realm="Mindia Tasks", charset="UTF-8"'}
        return Response("Please log in.\n", 401, challenge, mimetype="text/plain")

    return ask


def _refuse_other_names() -> None:
    """A page elsewhere can give its own host name this machine's address, and would then be of the same origin.

    Not by ``TRUSTED_HOSTS``, in which no IPv6 address can be named.
    """
    if not is_loopback(urlsplit(f"//{request.host}").hostname or ""):
        abort(400, "This host name is not of this machine alone.")


def _refuse_changes_from_elsewhere() -> None:
    if request.endpoint == "rq_dashboard.requeue_all" and request.method != "POST":
        abort(405, "Requeueing changes tasks: use POST.")
    if request.method not in ("GET", "HEAD", "OPTIONS") and not is_same_origin(request.headers, request.host):
        abort(403, "This request was sent by another site.")


def _find() -> Response | None:
    """404 for addresses of which the pages would make an error of their own; nothing to do is no error at all."""
    arguments = request.view_args or {}
    if arguments.get("instance_number", 0) != 0 or arguments.get("registry_name", "queued") not in _REGISTRIES:
        abort(404)
    if any(not _NUMBER.fullmatch(str(arguments[name])) for name in ("page", "per_page") if name in arguments):
        abort(404)
    if request.endpoint == "rq_dashboard.compact_queue":
        queue = Queue(arguments["queue_name"], connection=current_app.redis_conn)  # type: ignore[attr-defined]
        if not queue.count:
            return jsonify(status="OK")
    return None


def _set_headers(response: Response) -> Response:
    response.headers["Content-Security-Policy"] = _POLICY
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Referrer-Policy"] = "no-referrer"
    return response


def _as_text(response: Response) -> Response:
    """A task's page puts these values into the document as HTML: make them HTML that shows what they say."""
    if request.endpoint == "rq_dashboard.job_info" and response.is_json:
        response.set_data(json.dumps(_escaped(response.get_json())))
    return response


def _escaped(value: object) -> object:
    if isinstance(value, str):
        return escape(value, quote=False)
    if isinstance(value, list):
        return [_escaped(each) for each in value]
    if isinstance(value, dict):
        return {escape(key, quote=False): _escaped(each) for key, each in value.items()}
    return value


def _refused(_: Exception) -> Response:
    return _problem(403, "This record holds a pickle that would run code here. It is not loaded.")


def _problem(status: int, detail: str) -> Response:
    return Response(detail + "\n", status, mimetype="text/plain")


def from_environment() -> Flask:
    """What the WSGI server calls."""
    return create_app(DashboardSettings.from_env(os.environ))
