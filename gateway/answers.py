"""The answer to a request that made something."""

from typing import Any

from flask import Response
from werkzeug.urls import iri_to_uri

from gateway.fast.current_request import this_request
from gateway.fast.json_answers import json_answer


def created(path: str, body: Any, status: int = 201) -> Response:
    """``body``, and in ``Location`` the path that shows it from now on, below the one that the application has."""
    response = json_answer(body, status)
    location = this_request().root_path + path
    response.headers.add("Location", location if location.isascii() else iri_to_uri(location))
    return response
