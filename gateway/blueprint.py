"""Blueprints of the API: what flask-smorest documents, read strictly and without its detours."""

from collections.abc import Callable
from functools import wraps
from http import HTTPStatus
from typing import Any

import flask_smorest
from flask import Request, current_app

from broker.errors import InvalidInput
from broker.schema import Schema
from gateway.arguments import reader
from gateway.fast.views import only_documenting

_BYTES = {"type": "string", "format": "binary"}
#: The header of ``answers.created``, for the API document.
_LOCATION = {"Location": {"description": "Where to read it again.", "schema": {"type": "string"}}}


class Blueprint(flask_smorest.Blueprint):
    """A blueprint of the API."""

    def arguments(self, schema: type[Schema], location: str = "json", **options: Any) -> Callable[[Any], Any]:
        """As in flask-smorest, but read strictly: the view's next positional argument is what the schema has loaded.

        One instance of the schema serves all requests: making one takes longer than using it.
        """
        instance = schema()
        document = only_documenting(super().arguments(instance, location=location, **options))
        read = reader(instance, location)

        def decorate(view: Any) -> Any:
            @wraps(document(view))
            def wrapper(*args: Any, **kwargs: Any) -> Any:
                return view(*args, read(), **kwargs)

            if location in ("json", "files"):
                wrapper.takes = (instance, location)  # type: ignore[attr-defined]  # for gateway.admission
            return wrapper

        return decorate

    def doc(self, **options: Any) -> Callable[[Any], Any]:
        """As in flask-smorest, without a wrapper around the view."""
        return only_documenting(super().doc(**options))

    def alt_response(self, *args: Any, **options: Any) -> Callable[[Any], Any]:
        """As in flask-smorest, without a wrapper around the view."""
        return only_documenting(super().alt_response(*args, **options))

    def creates(self, schema: type[Schema]) -> Callable[[Any], Any]:
        """Documents what a view answers that makes its own answer (``answers.created``)."""
        return self.alt_response(HTTPStatus.CREATED, schema=schema, headers=_LOCATION, success=True)

    def serves(self, *content_types: str) -> Callable[[Any], Any]:
        """Documents a view that sends files of these types to whoever has the link.

        Clients made from the document know bytes by the name of octet-stream. Say ``*/*`` where JSON may be among the
        types: they would take all files for JSON.
        """

        def decorate(view: Any) -> Any:
            for each in ("application/octet-stream", *reversed(content_types)):
                view = only_documenting(self.response(HTTPStatus.OK, _BYTES, content_type=each))(view)
            view = self.alt_response(206, description="The part of the file that was asked for.", success=True)(view)
            view = self.alt_response(304, description="Not modified.", success=True)(view)
            return self.doc(security=[])(self.problems(403, 404, 416)(view))

        return decorate

    def add_url_rule(
        self, rule: str, endpoint: str | None = None, view_func: Any = None, *args: Any, **options: Any
    ) -> None:
        """As in flask-smorest; clients made from the document call an operation by its view's name."""
        view_func = self.doc(operationId=view_func.__name__)(view_func)
        super().add_url_rule(rule, endpoint, view_func, *args, **options)

    def problems(self, *statuses: int) -> Callable[[Any], Any]:
        """Decorator that documents errors by their status."""

        def decorate(view: Any) -> Any:
            for status in statuses:
                view = self.alt_response(status, HTTPStatus(status).name)(view)
            return view

        return decorate


def refuse_undeclared_parameters(asked: Request) -> None:
    """An endpoint that declares no query parameters takes none. Raises ``InvalidInput``.

    Where there is no such path or method, that is to be said, and ``OPTIONS`` asks about all methods.
    """
    if not asked.query_string or asked.routing_exception or asked.method == "OPTIONS":
        return
    view: Any = current_app.view_functions.get(asked.endpoint or "")
    declared = getattr(view, "_apidoc", {}).get("arguments", {}).get("parameters", [])
    if asked.args and not any(each["in"] == "query" for each in declared):
        raise InvalidInput(errors=[{"pointer": name, "detail": "Unknown field."} for name in asked.args])
