"""How answers become JSON: Flask's way, each thing done once."""

import json
from http import HTTPStatus
from typing import Any

from flask import Response
from flask.json.provider import DefaultJSONProvider
from werkzeug.datastructures import Headers


class JsonAnswer(Response):
    """An answer whose headers are complete.

    Its body is of known length, and its ``Location`` is a URI that ``url_for`` has quoted; werkzeug would look for what
    to add, and take the ``Location`` apart to quote it.
    """

    def get_wsgi_headers(self, environ: Any) -> Headers:
        if self.status_code == HTTPStatus.NO_CONTENT:
            return super().get_wsgi_headers(environ)
        return self.headers


class JsonAnswers(DefaultJSONProvider):
    """What ``jsonify`` calls, with one encoder for all: ``json.dumps`` with options makes one each time."""

    sort_keys = False
    _encode = json.JSONEncoder(separators=(",", ":"), default=DefaultJSONProvider.default).encode

    def response(self, *args: Any, **kwargs: Any) -> Response:
        text = self._encode(self._prepare_response_obj(args, kwargs))
        return JsonAnswer(f"{text}\n", mimetype=self.mimetype)
