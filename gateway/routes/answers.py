"""The answer to a request that made something."""

from typing import Any

from flask import Response, url_for

from gateway.json_answers import json_answer

#: For the API document.
LOCATION = {"Location": {"description": "Where to read it again.", "schema": {"type": "string"}}}


def created(endpoint: str, values: dict[str, Any], body: Any, status: int = 201) -> Response:
    """``body``, and in ``Location`` the path of the endpoint that shows it from now on."""
    response = json_answer(body, status)
    response.headers.add("Location", url_for(endpoint, **values))
    return response
