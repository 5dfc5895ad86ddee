"""The OpenAPI 3.1 document, made from the schemas that validate and from the declared task types."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import flask_smorest
from apispec.ext.marshmallow import MarshmallowPlugin
from apispec.ext.marshmallow.common import resolve_schema_instance
from apispec.ext.marshmallow.openapi import OpenAPIConverter
from flask import Flask
from marshmallow.fields import Enum

from broker.task_type import TaskType
from broker.webhooks.events import FLOW_TYPES, TYPES
from gateway.fields import Cursor, Payload, Result, Several, TypeName
from gateway.problem import MIMETYPE
from gateway.required_scopes import ANY_KEY, needs
from gateway.schemas.change import Change
from gateway.schemas.problem import Problem
from gateway.schemas.webhooks import FlowEvent, WebhookEvent

DESCRIPTION = """\
A task broker for media work: video transcoding, embeddings for semantic search, and plugins.

Times are RFC 3339 in UTC with microseconds. Errors are RFC 9457 problem documents, told apart by `code`. Unknown
parameters and fields are refused. A JSON body has at most 1 MiB (16 MiB for a batch), 100,000 values in all and 64
levels. Every path below `/api` needs a key as a bearer token, except signed links, which ignore parameters and open on
pages of any origin.
"""
SCOPES = """\
An API key. What an operation's security names is the scope that the key must have: `read` (what the tenant has),
`write` (the tenant's own changes) or `admin` (limits, workers, keys and the audit log of all). None implies another.
"""

_TRY_AGAIN = (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.INSUFFICIENT_STORAGE)
_RETRY_AFTER = {"description": "Seconds to wait before the next try.", "schema": {"type": "integer", "minimum": 1}}


class _Converter(OpenAPIConverter):
    """apispec's, but it tells what a schema's own checks ask for."""

    def schema2jsonschema(self, schema: Any) -> dict[str, Any]:
        described: dict[str, Any] = super().schema2jsonschema(schema)
        return described | {"minProperties": 1} if isinstance(resolve_schema_instance(schema), Change) else described


class _Plugin(MarshmallowPlugin):
    Converter = _Converter


class Api(flask_smorest.Api):
    """flask-smorest with our problem documents as its errors."""

    def _register_responses(self) -> None:
        """Components for the answers that decorators name by their status."""
        self.spec.components.schema("Problem", schema=Problem)
        content = {MIMETYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
        for status in HTTPStatus:
            response = {"description": status.phrase, "content": content}
            if status in _TRY_AGAIN:
                response["headers"] = {"Retry-After": _RETRY_AFTER}
            self.spec.components.response(status.name, response, lazy=True)
        default = {"description": "What went wrong.", "content": content}
        self.spec.components.response("DEFAULT_ERROR", default, lazy=True)

    @needs(ANY_KEY)
    def _openapi_json(self) -> Any:
        """As in flask-smorest."""
        return super()._openapi_json()

    def _register_error_handlers(self) -> None:
        """Errors have their one handler already."""


def make_api(app: Flask, types: Mapping[str, TaskType]) -> Api:
    """The API object that blueprints are registered with; serves ``/api/openapi.json``."""
    app.config.update(
        API_TITLE="Mindia Tasks",
        API_VERSION="1.0.0",
        OPENAPI_VERSION="3.1.0",
        OPENAPI_URL_PREFIX="/api",
        OPENAPI_JSON_PATH="openapi.json",
    )
    spec = {"info": {"description": DESCRIPTION}, "security": [{"key": []}], "webhooks": _outgoing()}
    api = Api(spec_kwargs=spec | {"marshmallow_plugin": _Plugin()})
    api.init_app(app)
    api.spec.components.security_scheme("key", {"type": "http", "scheme": "bearer", "description": SCOPES})

    def describe(converter: OpenAPIConverter, field: Any, **_: Any) -> dict[str, Any]:
        return _describe_by_type(types, converter, field)

    api.ma_plugin.converter.add_attribute_function(describe)
    api.spec.components.schema("WebhookEvent", schema=WebhookEvent)
    api.spec.components.schema("FlowEvent", schema=FlowEvent)
    return api


def _outgoing() -> dict[str, Any]:
    """The requests that we send to webhooks."""
    headers = {
        "webhook-id": "The same for every attempt to deliver this event: tell repeats by it.",
        "webhook-timestamp": "When this attempt was made, in seconds since the epoch.",
        "webhook-signature": "One or two signatures after Standard Webhooks 1.0, by the webhook's secrets.",
    }
    operation = {
        "security": [],
        "parameters": [
            {"name": name, "in": "header", "required": True, "description": description, "schema": {"type": "string"}}
            for name, description in headers.items()
        ],
        "responses": {
            "2XX": {"description": "Taken."},
            "410": {"description": "The webhook is disabled."},
            "default": {"description": "Sent again later, not before what a Retry-After asks for."},
        },
    }
    return {name: {"post": operation | _told(name)} for name in TYPES}


def _told(event: str) -> dict[str, Any]:
    """What is different of each event."""
    what, schema = (
        ("A flow has ended", "FlowEvent") if event in FLOW_TYPES else ("A task has started or ended", "WebhookEvent")
    )
    return {
        "summary": what,
        "operationId": f"receive_{event.replace('.', '_')}",
        "requestBody": {"content": {"application/json": {"schema": {"$ref": f"#/components/schemas/{schema}"}}}},
    }


def _describe_by_type(types: Mapping[str, TaskType], converter: OpenAPIConverter, field: Any) -> dict[str, Any]:
    """What depends on the declared types: their names, the shapes of payloads and results. Enums are words."""
    if isinstance(field, Several):
        one = converter.field2property(field.member)
        return {"anyOf": [one, {"type": "array", "items": one, "minItems": 1, "maxItems": field.most}]}
    if isinstance(field, TypeName):
        return {"enum": sorted(types)}
    if isinstance(field, Enum | Cursor):
        return {"type": "string"}
    if isinstance(field, Payload):
        by_type = {each.name: converter.resolve_nested_schema(each.payload) for each in types.values()}
        return {"anyOf": list(by_type.values()), "x-by-type": by_type}
    if isinstance(field, Result):
        by_type = {each.name: converter.resolve_nested_schema(each.result) for each in types.values() if each.result}
        return {"anyOf": [*by_type.values(), {}], "x-by-type": by_type}
    return {}
