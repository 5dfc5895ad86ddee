"""What every error must look like."""

from typing import Any

from werkzeug.test import TestResponse


def problem(response: TestResponse, status: int, code: str) -> dict[str, Any]:
    """The problem document of an error, which must be whole and of this kind."""
    assert (response.status_code, response.json and response.json.get("code")) == (status, code), response.text
    assert response.mimetype == "application/problem+json"
    body: dict[str, Any] = response.json
    assert body["type"] == "about:blank"
    assert body["status"] == status
    assert body["title"] and body["detail"] and body["instance"].startswith("/")
    assert "Traceback" not in response.text and 'File "' not in response.text
    return body


def pointers(response: TestResponse) -> set[str]:
    """Where a 422 says that the defects are."""
    return {each["pointer"] for each in problem(response, 422, "invalid_content")["errors"]}
