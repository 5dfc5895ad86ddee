"""Problem details (RFC 9457), the form of every error."""

from http import HTTPStatus
from typing import Any

from werkzeug.http import HTTP_STATUS_CODES

#: Of the resumable upload protocol, which no registry has.
_TITLES = {460: "Checksum Mismatch"}
MIMETYPE = "application/problem+json"
_CODES = {413: "too_large", 414: "uri_too_long", 416: "range_not_satisfiable"}


def title_of(status: int) -> str:
    """The status in words."""
    return _TITLES.get(status) or HTTP_STATUS_CODES[status]


def code_of(status: int) -> str:
    """The code of a problem that is told by its status alone."""
    return _CODES.get(status) or HTTPStatus(status).name.lower()


def problem(status: int, code: str, detail: str, instance: str, **extra: Any) -> dict[str, Any]:
    """The members. ``type`` is ``about:blank`` throughout: problems are told apart by ``code``."""
    return {
        "type": "about:blank",
        "title": title_of(status),
        "status": status,
        "detail": detail,
        "instance": instance,
        "code": code,
        **extra,
    }
