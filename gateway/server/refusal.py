"""What the server itself has to say, when a request never reaches the application."""

import json
import math
from typing import Any
from urllib.parse import quote

from gunicorn import util

from gateway.problem import MIMETYPE, code_of, problem, title_of


class Refusal(Exception):
    """A request is answered with this status and closed."""

    def __init__(self, status: int, detail: str, *, code: str = "", path: str = "/", retry_after: float = 0) -> None:
        super().__init__(detail)
        self.status, self.detail = status, detail
        self.code = code or code_of(status)
        self.path, self.retry_after = path, retry_after

    def answer(self) -> bytes:
        """The whole answer; the connection ends with it."""
        extra: dict[str, Any] = {"retry_after": self.retry_after} if self.retry_after else {}
        members = problem(self.status, self.code, self.detail, quote(self.path, safe="/%"), **extra)
        body = json.dumps(members).encode()
        lines = [
            f"HTTP/1.1 {self.status} {title_of(self.status)}",
            "Server: gunicorn",
            f"Date: {util.http_date()}",
            "Connection: close",
            f"Content-Type: {MIMETYPE}",
            f"Content-Length: {len(body)}",
            "Cache-Control: no-store",
            "X-Content-Type-Options: nosniff",
            *([f"Retry-After: {math.ceil(self.retry_after)}"] if self.retry_after else []),
        ]
        return "\r\n".join([*lines, "", ""]).encode() + body
