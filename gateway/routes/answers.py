"""The answer to a request that made something."""

from typing import Any, cast

from flask import Response
from flask.globals import request_ctx
from werkzeug.routing import MapAdapter
from werkzeug.urls import iri_to_uri

from gateway.json_answers import json_answer


def created(endpoint: str, values: dict[str, Any], body: Any, status: int = 201) -> Response:
    """``body``, and in ``Location`` the path of the endpoint that shows it from now on."""
    response = json_answer(body, status)
    links = cast(MapAdapter, request_ctx.url_adapter)  # url_for asks for more than a path here ever has
    location = links.build(endpoint, values)
    response.headers.add("Location", location if location.isascii() else iri_to_uri(location))
    return response
