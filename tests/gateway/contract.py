"""A client that holds every answer against the API document."""

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from flask import Flask
from flask.testing import FlaskClient
from jsonschema_rs import Draft202012Validator
from werkzeug.exceptions import HTTPException
from werkzeug.routing import Rule

#: Bytes of an answer that is looked at; longer ones are more of the same, and take long.
_MOST = 64 * 1024
_STREAM = "text/event-stream"
_PROBLEM = {"content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}}


class ContractClient(FlaskClient):
    """Fails where an answer has a status, a media type or members that the document does not name.

    Answers are read to their end and closed, but for streams of events.
    """

    def open(self, *args: Any, **options: Any) -> Any:
        response = super().open(*args, **options)
        if response.mimetype != _STREAM:  # which has no end, and which its reader closes
            response.make_sequence()
            response.close()  # as servers do: an unread file would stay open until Python found it
        asked = response.request
        if asked.method not in ("HEAD", "OPTIONS") and asked.path != "/api/openapi.json":
            _check(_documented(self.application, asked, response.status_code), response, self.application)
        return response


def template(rule: Rule) -> str:
    """The path of a rule as the API document writes it."""
    return re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule)


def document(app: Flask) -> Mapping[str, Any]:
    """The API document of an application."""
    [api] = app.extensions["flask-smorest"]["apis"].values()
    found: Mapping[str, Any] = api["ext_obj"].spec.to_dict()
    return found


@lru_cache(maxsize=8)
def _document(app: Flask) -> Mapping[str, Any]:
    return document(app)


def _documented(app: Flask, asked: Any, status: int) -> Mapping[str, Any]:
    try:
        rule, _ = app.url_map.bind("localhost").match(asked.path, asked.method, return_rule=True)
    except HTTPException:
        return _PROBLEM
    if rule.endpoint.startswith("page."):  # the files of the page are no part of the API
        return {}
    responses = _document(app)["paths"][template(rule)][asked.method.lower()]["responses"]
    found: Mapping[str, Any] | None = responses.get(str(status))
    if found is None:
        assert status >= 400, f"{asked.method} {rule.rule} does not name {status}"
        found = responses["default"]
    if "$ref" in found:
        return _document(app)["components"]["responses"][found["$ref"].rpartition("/")[2]]  # type: ignore[no-any-return]
    return found


def _check(described: Mapping[str, Any], response: Any, app: Flask) -> None:
    if response.status_code in (204, 304):
        assert "Content-Type" not in response.headers
        assert not response.data
    contents = described.get("content", {})
    if not contents or response.mimetype == _STREAM:
        return
    types = {each.partition(";")[0] for each in contents}
    assert response.mimetype in types or "*/*" in types, (response.mimetype, types)
    if (
        response.is_json
        and "$ref" in contents.get(response.mimetype, {}).get("schema", {})
        and len(response.data) <= _MOST
    ):
        validator = _validator(app, contents[response.mimetype]["schema"]["$ref"])
        assert not [str(error) for error in validator.iter_errors(response.json)], response.text


@lru_cache(maxsize=256)
def _validator(app: Flask, ref: str) -> Draft202012Validator:
    return Draft202012Validator({"$ref": ref, "components": _document(app)["components"]})
