"""Blueprints whose arguments are parsed strictly: nothing that a caller sends is ignored."""

from collections.abc import Callable
from contextlib import ExitStack
from functools import wraps
from http import HTTPStatus
from typing import IO, Any, NoReturn

import flask_smorest
from flask import Request, current_app
from marshmallow import EXCLUDE, RAISE, Schema, ValidationError
from webargs import missing
from webargs.flaskparser import FlaskParser
from werkzeug.datastructures import MultiDict
from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.formparser import FormDataParser

from broker.errors import InvalidInput, TaskBrokerError, TooLarge, UnsupportedMedia
from broker.task_type import pointers
from gateway import strict_json
from gateway.current import services, this_request

#: The largest JSON body, in bytes, unless the schema has ``max_bytes``; uploads have a bound of their own.
MAX_JSON_BYTES = 1024 * 1024
#: What a multipart body adds to the file in it.
_FRAMING_BYTES = 64 * 1024


class InvalidMultipart(TaskBrokerError):
    """The body is not a valid multipart/form-data message."""

    code, status = "invalid_multipart", 400


class StrictParser(FlaskParser):
    """Refuses unknown and repeated parameters, other media types, and JSON that is none."""

    def __init__(self) -> None:
        super().__init__()
        self.DEFAULT_UNKNOWN_BY_LOCATION = {"json": RAISE, "query": RAISE, "files": RAISE, "headers": EXCLUDE}

    def get_default_request(self) -> Request:
        return this_request()

    def load_querystring(self, req: Request, schema: Schema) -> Any:
        return _once(req.args)

    def load_headers(self, req: Request, schema: Schema) -> Any:
        names = [field.data_key or name for name, field in schema.fields.items()]
        return {name: req.headers[name] for name in names if name in req.headers}

    def load_json(self, req: Request, schema: Schema) -> Any:
        limit = getattr(schema, "max_bytes", MAX_JSON_BYTES)
        req.max_content_length = limit + 1  # werkzeug ends a stream of unknown length there without a word
        body = req.get_data(cache=False)
        if len(body) > limit:
            raise TooLarge(f"The body is larger than {limit} bytes.", max_bytes=limit)
        if not body and not any(field.required for field in schema.fields.values()):
            return missing
        _check_type(req, "application/json")
        if req.mimetype_params.get("charset", "utf-8").lower() not in ("utf-8", "utf8"):
            raise UnsupportedMedia("Send JSON in UTF-8.")
        return strict_json.parse(body)

    def load_files(self, req: Request, schema: Schema) -> Any:
        _check_type(req, "multipart/form-data")
        limit = services().settings.max_upload_bytes
        req.max_content_length = limit + _FRAMING_BYTES
        try:
            files, fields = req.files, req.form
        except RequestEntityTooLarge:
            raise TooLarge(f"The form is too large; a file may have {limit} bytes.", max_bytes=limit) from None
        except ValueError:
            raise InvalidMultipart() from None
        if fields:
            detail = "Not a file, or unknown; send one part named file, with a filename."
            raise InvalidInput(errors=[{"pointer": name, "detail": detail} for name in fields])
        return _once(files)

    def handle_error(self, error: ValidationError, req: Request, schema: Schema, **kwargs: Any) -> NoReturn:
        errors = []
        for location, messages in error.normalized_messages().items():
            for each in pointers(messages, ""):
                name = each["pointer"] if location == "json" else each["pointer"].removeprefix("/")
                errors.append({"pointer": name, "detail": each["detail"]})
        raise InvalidInput(errors=errors)


class _FormParser(FormDataParser):
    """werkzeug's, but a malformed form is an error instead of an empty one."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options | {"silent": False})


class StrictRequest(Request):
    """A request whose form is parsed strictly, and whose spooled files are gone with it even if the form was broken."""

    form_data_parser_class = _FormParser

    #: Holds the spooled files, from the first on.
    _spooled: ExitStack | None = None

    def _get_file_stream(self, *args: Any, **options: Any) -> IO[bytes]:
        if self._spooled is None:
            self._spooled = ExitStack()
        return self._spooled.enter_context(super()._get_file_stream(*args, **options))

    def close(self) -> None:
        super().close()
        if self._spooled is not None:
            self._spooled.close()


class Blueprint(flask_smorest.Blueprint):
    """A blueprint of the API."""

    ARGUMENTS_PARSER = StrictParser()

    def arguments(self, schema: type[Schema], location: str = "json", **options: Any) -> Callable[[Any], Any]:
        """As in flask-smorest, with one instance for all requests: making one takes longer than using it.

        The view gets what was loaded as its next positional argument.
        """
        instance = schema()
        document = _only_documenting(super().arguments(instance, location=location, **options))

        def decorate(view: Any) -> Any:
            @wraps(document(view))
            def wrapper(*args: Any, **kwargs: Any) -> Any:
                return view(*args, self.ARGUMENTS_PARSER.parse(instance, location=location), **kwargs)

            return wrapper

        return decorate

    def doc(self, **options: Any) -> Callable[[Any], Any]:
        """As in flask-smorest, without a wrapper around the view."""
        return _only_documenting(super().doc(**options))

    def alt_response(self, *args: Any, **options: Any) -> Callable[[Any], Any]:
        """As in flask-smorest, without a wrapper around the view."""
        return _only_documenting(super().alt_response(*args, **options))

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


def refuse_undeclared_parameters() -> None:
    """Before a request: an endpoint that declares no query parameters takes none."""
    asked = this_request()
    if not asked.args:
        return
    view: Any = current_app.view_functions.get(asked.endpoint or "")
    declared = getattr(view, "_apidoc", {}).get("arguments", {}).get("parameters", [])
    if not any(each["in"] == "query" for each in declared):
        raise InvalidInput(errors=[{"pointer": name, "detail": "Unknown field."} for name in asked.args])


def _only_documenting(decorator: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """What the decorator says of a view, said of the view itself: a wrapper costs every request a call."""

    def decorate(view: Any) -> Any:
        view._apidoc = decorator(view)._apidoc
        return view

    return decorate


def _check_type(req: Request, wanted: str) -> None:
    if req.mimetype != wanted:
        raise UnsupportedMedia(f"Send the body with the header Content-Type: {wanted}.")
    if req.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise UnsupportedMedia("Send the body without a Content-Encoding.")


def _once(values: MultiDict[str, Any]) -> dict[str, Any]:
    repeated = [name for name, found in values.lists() if len(found) > 1]
    if repeated:
        raise InvalidInput(errors=[{"pointer": name, "detail": "Given more than once."} for name in repeated])
    return values.to_dict()
