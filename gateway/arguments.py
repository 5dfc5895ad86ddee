"""What a route declares to read, read strictly: unknown or repeated members and other media types are refused."""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import IO, Any, NamedTuple
from urllib.parse import unquote_to_bytes

from flask import Request
from flask_smorest.fields import Upload
from marshmallow import ValidationError
from marshmallow.types import UnknownOption
from werkzeug.datastructures import MultiDict
from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.formparser import FormDataParser

from broker.defects import pointers
from broker.errors import InvalidInput, TaskBrokerError, TooLarge, UnsupportedMedia
from broker.schema import Schema
from gateway import strict_json
from gateway.config import GatewaySettings
from gateway.current import services
from gateway.fast.body import read_body
from gateway.fast.current_request import this_request
from gateway.spool import Spool

#: The largest JSON body, in bytes, unless the schema has ``max_bytes``; uploads have a bound of their own.
MAX_JSON_BYTES = 1024 * 1024
_JSON, _UTF_8 = "application/json", ("utf-8", "utf8")
#: What a multipart body adds to the file in it.
_FRAMING_BYTES = 64 * 1024


class InvalidMultipart(TaskBrokerError):
    """The body is not a valid multipart/form-data message."""

    code, status = "invalid_multipart", 400


def reader(schema: Schema, location: str) -> Callable[[], Any]:
    """A function that loads what the running request has in ``json``, ``query``, ``headers`` or ``files``,
    which are a form's, with what else the schema declares of it.

    It raises ``InvalidInput`` with a pointer to each defect, and whatever that place may be wrong with as a whole.
    """
    find = _FINDERS[location]
    unknown: UnknownOption = "exclude" if location == "headers" else "raise"

    def read() -> Any:
        return load(schema, find(this_request(), schema), location, unknown)

    return read


def load(schema: Schema, found: Any, location: str = "", unknown: UnknownOption = "raise") -> Any:
    """What the schema makes of it. Raises ``InvalidInput``, with JSON pointers where the location is ``json``."""
    try:
        return schema.load(found, unknown=unknown)
    except ValidationError as error:
        defects = pointers(error.normalized_messages(), "")
        if location != "json":
            defects = (each | {"pointer": each["pointer"].removeprefix("/")} for each in defects)
        raise InvalidInput(errors=defects) from None


class Takes(NamedTuple):
    """What body a view reads: as ``reader`` does, or, without a schema, bytes as they are."""

    location: str
    schema: Schema | None = None
    #: As in ``gateway.server.site.Allowance``.
    piece: int = 0
    whole_with: str = ""


def body_limit(takes: Takes, settings: GatewaySettings) -> int:
    """Bytes that a body may have that is read so."""
    if takes.location == "json":
        return getattr(takes.schema, "max_bytes", MAX_JSON_BYTES)
    return settings.max_upload_bytes + (_FRAMING_BYTES if takes.location == "files" else 0)


def _query(request: Request, schema: Schema) -> Any:
    _check_text(request.query_string)
    several = [name for name, field in schema.fields.items() if getattr(field, "several", False)]
    return _once(request.args, several)


def _check_text(query: bytes) -> None:
    """Raises ``InvalidInput`` for what is not UTF-8, in the place of which others would be asked for."""
    for pair in query.split(b"&"):
        try:
            unquote_to_bytes(pair).decode()
        except UnicodeDecodeError:
            name = unquote_to_bytes(pair.partition(b"=")[0]).decode(errors="replace")
            raise InvalidInput(errors=[{"pointer": name, "detail": "Not UTF-8."}]) from None


def _headers(request: Request, schema: Schema) -> Any:
    given = {}
    for name, field in schema.fields.items():
        value = request.headers.get(field.data_key or name)
        if value is not None:
            given[field.data_key or name] = value
    return given


def _json(request: Request, schema: Schema) -> Any:
    limit = body_limit(Takes("json", schema), services().settings)
    body = read_body(request, limit)
    if not body and not any(field.required for field in schema.fields.values()):
        return {}
    _check_type(request, _JSON)
    if request.content_type != _JSON and request.mimetype_params.get("charset", "utf-8").lower() not in _UTF_8:
        raise UnsupportedMedia("Send JSON in UTF-8.")
    return strict_json.parse(body)


def _files(request: Request, schema: Schema) -> Any:
    _check_type(request, "multipart/form-data")
    limit = services().settings.max_upload_bytes
    request.max_content_length = body_limit(Takes("files", schema), services().settings)
    try:
        files, fields = request.files, request.form
    except RequestEntityTooLarge:
        if request.content_length is not None and request.content_length <= request.max_content_length:  # not its bytes
            most = f"{request.max_form_parts} parts, or {request.max_form_memory_size} bytes of text"
            raise TooLarge(f"The form has more than {most}; send one part named file, with a filename.") from None
        raise TooLarge(f"The form is too large; a file may have {limit} bytes.", max_bytes=limit) from None
    except ValueError:
        raise InvalidMultipart() from None
    texts = {name for name, field in schema.fields.items() if not isinstance(field, Upload)}
    if wrong := [*(fields.keys() - texts), *(texts & files.keys())]:
        detail = "Not a file, or unknown; send one part named file, with a filename."
        told = {name: "A text, not a file." if name in texts else detail for name in sorted(wrong)}
        raise InvalidInput(errors=[{"pointer": name, "detail": each} for name, each in told.items()])
    return _once(files) | _once(fields)


_FINDERS = {"json": _json, "query": _query, "headers": _headers, "files": _files}


def _check_type(request: Request, wanted: str) -> None:
    if request.content_type != wanted and request.mimetype != wanted:  # nearly all send it without parameters to parse
        raise UnsupportedMedia(f"Send the body with the header Content-Type: {wanted}.")
    if request.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise UnsupportedMedia("Send the body without a Content-Encoding.")


def _once(values: MultiDict[str, Any], several: Sequence[str] = ()) -> dict[str, Any]:
    """Each value by its name; those that may be given ``several`` times and were, with commas between them."""
    repeated = [name for name, found in values.lists() if len(found) > 1]
    if refused := [name for name in repeated if name not in several]:
        raise InvalidInput(errors=[{"pointer": name, "detail": "Given more than once."} for name in refused])
    return values.to_dict() | {name: ",".join(values.getlist(name)) for name in repeated}


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
        return self._spooled.enter_context(Spool())

    def close(self) -> None:
        super().close()
        if self._spooled is not None:
            self._spooled.close()
