"""The one place where errors become answers: RFC 9457 problem details, whatever went wrong."""

import math
from typing import Any
from urllib.parse import quote

from flask import Flask, Response, current_app, request
from werkzeug.exceptions import HTTPException

from broker.errors import Forbidden, InvalidKey, QuotaExceeded, TaskBrokerError, Unauthorized, Unavailable
from gateway import rate_limit
from gateway.outage import Outage
from gateway.problem import MIMETYPE, code_of, problem, title_of

_DETAILS = {404: "There is nothing here; check the path and the id in it."}
#: One line is to be read; the whole list is beside it.
_DEFECTS_IN_DETAIL = 3
_NOT_OURS = frozenset({"Content-Type", "Content-Length"})


def register_errors(app: Flask) -> None:
    """Make every error of the application a problem document."""
    outage = Outage()

    def handle(error: Exception) -> Response:
        if isinstance(error, Unavailable):
            known = error.extra.get("retry_after", 1)
            # What Redis or the storage brought about may last; who raised it of itself knows how long.
            error.extra["retry_after"] = outage.retry_after(known) if error.__cause__ else known
        return _answer(error)

    app.register_error_handler(Exception, handle)


def _answer(error: Exception) -> Response:
    if isinstance(error, TaskBrokerError):
        return _ours(error)
    if isinstance(error, HTTPException) and error.code:
        return _http(error, error.code)
    current_app.logger.error("%s %s failed", request.method, request.path, exc_info=error)
    return _problem(500, "internal_error", "Something went wrong here; it was logged.")


def _ours(error: TaskBrokerError) -> Response:
    if error.status >= 500 and not error.logged:
        current_app.logger.warning("%s %s: %s (%r)", request.method, request.path, error.message, error.__cause__)
    detail, extra = error.message, dict(error.extra)
    if "errors" in extra:
        extra["errors"] = _defects(extra["errors"])
        detail = " ".join(f"{each['pointer']}: {each['detail']}" for each in extra["errors"][:_DEFECTS_IN_DETAIL])
    if "retry_after" in extra:
        extra["retry_after"] = max(1, math.ceil(extra["retry_after"]))
    response = _problem(error.status, error.code, detail, **extra)
    if "retry_after" in extra:
        response.headers["Retry-After"] = str(extra["retry_after"])
    if isinstance(error, QuotaExceeded):
        rate_limit.tell_refusal(response, error)
    if isinstance(error, (Unauthorized, Forbidden)):
        response.headers["WWW-Authenticate"] = _challenge(error)
    return response


def _challenge(error: TaskBrokerError) -> str:
    """Why a key does not open this (RFC 6750, section 3); nothing of it for who has sent none."""
    if isinstance(error, Forbidden) and "required_scope" in error.extra:
        return f'Bearer error="insufficient_scope", scope="{error.extra["required_scope"]}"'
    return 'Bearer error="invalid_token"' if isinstance(error, InvalidKey) else "Bearer"


def _defects(errors: list[dict[str, str]]) -> list[dict[str, str]]:
    """JSON pointers in the form that RFC 9457 uses: as URI fragments (RFC 6901, section 6)."""
    return [
        each | {"pointer": "#" + quote(each["pointer"], safe="/~")} if each["pointer"][:1] in ("", "/") else each
        for each in errors
    ]


def _http(error: HTTPException, status: int) -> Response:
    detail = _DETAILS.get(status) or error.description or title_of(status)
    response = _problem(status, code_of(status), detail)
    response.headers.extend([pair for pair in error.get_headers() if pair[0] not in _NOT_OURS])
    return response


def _problem(status: int, code: str, detail: str, **extra: Any) -> Response:
    members = problem(status, code, detail, quote(request.path), **extra)
    return Response(current_app.json.dumps(members), status, mimetype=MIMETYPE)
