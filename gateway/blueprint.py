"""Blueprints of the API: what flask-smorest documents, read strictly and without its detours."""

from collections.abc import Callable
from functools import wraps
from http import HTTPStatus
from typing import Any

import flask_smorest
from flask import Request, current_app

from broker.access.scopes import Scope
from broker.errors import InvalidInput
from broker.schema import Schema
from gateway.arguments import Takes, reader
from gateway.fast.current_request import this_request
from gateway.fast.views import only_documenting
from gateway.required_scopes import NO_KEY, needs, security

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
                wrapper.takes = Takes(location, instance)  # type: ignore[attr-defined]  # for gateway.admission
            return wrapper

        return decorate

    def form_or_json(self, form: type[Schema], body: type[Schema]) -> Callable[[Any], Any]:
        """A multipart form, or a JSON object where one is sent: the view's next positional argument is either's."""
        instance = body()
        read_json = reader(instance, "json")
        content = {"application/json": {"schema": body}}

        def decorate(view: Any) -> Any:
            by_form = self.arguments(form, location="files")(view)

            @wraps(by_form)
            def wrapper(*args: Any, **kwargs: Any) -> Any:
                if this_request().mimetype == "application/json":
                    return view(*args, read_json(), **kwargs)
                return by_form(*args, **kwargs)

            return self.doc(requestBody={"content": content})(wrapper)

        return decorate

    def takes_bytes(self, content_type: str, piece: int = 0, whole_with: str = "") -> Callable[[Any], Any]:
        """Documents a body of bytes as they are, which the view reads itself; ``piece`` and ``whole_with`` as in
        ``gateway.server.site.Allowance``.
        """
        body = {"content": {content_type: {"schema": _BYTES}}}

        def decorate(view: Any) -> Any:
            view.takes = Takes("bytes", None, piece, whole_with)
            return self.doc(requestBody=body)(view)

        return decorate

    def doc(self, **options: Any) -> Callable[[Any], Any]:
        """As in flask-smorest, without a wrapper around the view."""
        return only_documenting(super().doc(**options))

    def alt_response(self, *args: Any, **options: Any) -> Callable[[Any], Any]:
        """As in flask-smorest, without a wrapper around the view."""
        return only_documenting(super().alt_response(*args, **options))

    def needs(self, what: Scope | str) -> Callable[[Any], Any]:
        """What a key must be good for: a scope, ``ANY_KEY`` or ``NO_KEY``. Every view says it."""
        if not isinstance(what, Scope):
            return needs(what)
        return lambda view: needs(what)(self.problems(403)(view))

    def creates(self, schema: type[Schema]) -> Callable[[Any], Any]:
        """Documents what a view answers that makes its own answer (``answers.created``)."""
        return self.alt_response(HTTPStatus.CREATED, schema=schema, headers=_LOCATION, success=True)

    def tells(self, *content_types: str) -> Callable[[Any], Any]:
        """Documents that a view may answer text of these types."""

        def decorate(view: Any) -> Any:
            for each in content_types:
                view = only_documenting(self.response(HTTPStatus.OK, {"type": "string"}, content_type=each))(view)
            return view

        return decorate

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
            return needs(NO_KEY)(self.problems(403, 404, 416)(view))

        return decorate

    def add_url_rule(
        self, rule: str, endpoint: str | None = None, view_func: Any = None, *args: Any, **options: Any
    ) -> None:
        """As in flask-smorest; clients made from the document call an operation by its view's name.

        Raises ``TypeError`` for a view that does not say what key it needs.
        """
        view_func = self.doc(operationId=view_func.__name__, security=security(view_func))(view_func)
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
