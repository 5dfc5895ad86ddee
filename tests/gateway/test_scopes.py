"""What a key is good for, tried on every route that there is with every key that there can be."""

from itertools import combinations
from typing import Any

import pytest
from flask import Blueprint as PlainBlueprint
from flask import Flask
from flask.testing import FlaskClient

from broker.access.scopes import Scope
from broker.broker import Broker
from gateway.app import create_app
from gateway.blueprint import Blueprint
from gateway.config import GatewaySettings
from gateway.required_scopes import ANY_KEY, MONITOR, NO_KEY
from gateway.signed_links import is_signed
from tests.gateway.conftest import ClientOf
from tests.gateway.problem import problem
from tests.gateway.routes import Route, routes

CHANGING = {"POST", "PUT", "PATCH", "DELETE"}


def needed_by(app: Flask, route: Route) -> Any:
    endpoint, _ = app.url_map.bind("").match(route.path, route.method)
    return app.view_functions[endpoint].needs  # type: ignore[attr-defined]


@pytest.fixture
def keys(client_of: ClientOf) -> dict[frozenset[Scope], str]:
    """A key for each set of scopes."""
    made = {}
    for number in (1, 2, 3):
        for scopes in combinations(Scope, number):
            body = {"name": "x", "scopes": scopes, "tenant": "acme"}
            made[frozenset(scopes)] = client_of("ops").post("/api/keys", json=body).json["key"]
    return made


def test_every_route_asks_for_its_scope_whatever_else_a_key_has(
    app: Flask, anonymous: FlaskClient, keys: dict[frozenset[Scope], str]
) -> None:
    """By a parameter that no route declares: who is let in is told that, and nothing is changed."""
    for route in routes(app):
        needed = needed_by(app, route)
        if needed in (ANY_KEY, NO_KEY, MONITOR):
            continue
        for scopes, key in keys.items():
            headers = {"Authorization": f"Bearer {key}"}
            response = anonymous.open(f"{route.path}?nonsense=1", method=route.method, headers=headers)
            if needed in scopes:
                problem(response, 422, "invalid_content")
            else:
                assert problem(response, 403, "forbidden")["required_scope"] == needed, route
                assert response.headers["WWW-Authenticate"] == f'Bearer error="insufficient_scope", scope="{needed}"', (
                    route
                )


def test_reading_is_all_that_read_allows(app: Flask) -> None:
    for route in routes(app):
        needed = needed_by(app, route)
        if route.method in CHANGING and route.path != "/api/search":  # which changes nothing: its picture is not kept
            assert needed in (Scope.WRITE, Scope.ADMIN), route
        elif needed == Scope.WRITE:
            raise AssertionError(route)
        no_key = route.path in ("/livez", "/readyz") or is_signed(route.path)
        assert (needed == NO_KEY) == no_key, route


def test_what_all_share_is_the_operators(app: Flask) -> None:
    shared = ("/api/queues", "/api/workers", "/api/audit", "/api/tenants", "/api/holds", "/api/autoscale")
    for route in routes(app):
        if route.path.startswith(shared):
            assert needed_by(app, route) == Scope.ADMIN, route


def test_the_document_names_the_scope_of_each_operation(app: Flask, client: FlaskClient) -> None:
    paths = client.get("/api/openapi.json").json["paths"]
    for route in routes(app):
        if route.path == "/api/openapi.json":
            continue
        needed = needed_by(app, route)
        told = paths[route.template][route.method.lower()]["security"]
        assert told == {NO_KEY: [], ANY_KEY: [{"key": []}], MONITOR: [{"key": [Scope.ADMIN]}]}.get(
            needed, [{"key": [needed]}]
        ), route


def test_head_needs_what_get_needs_and_options_and_what_is_not_there_need_a_key(
    anonymous: FlaskClient, keys: dict[frozenset[Scope], str]
) -> None:
    submit = {"Authorization": f"Bearer {keys[frozenset({Scope.WRITE})]}"}
    assert anonymous.head("/api/tasks", headers=submit).status_code == 403
    assert anonymous.options("/api/tasks", headers=submit).status_code == 200
    assert anonymous.options("/api/tasks").status_code == 401
    problem(anonymous.get("/api/nope", headers=submit), 404, "not_found")
    problem(anonymous.put("/api/tasks", headers=submit), 405, "method_not_allowed")


@pytest.mark.parametrize(
    "headers",
    [
        {"X-HTTP-Method-Override": "GET"}, {"X-Scope": "admin"}, {"Authorization-Scope": "admin"},
        {"X-Original-URL": "/api/me"}, {"X-Tenant": "ops"},
    ],
)  # fmt: skip
def test_nothing_else_in_a_request_widens_a_key(
    anonymous: FlaskClient, keys: dict[frozenset[Scope], str], headers: dict[str, str]
) -> None:
    read = {"Authorization": f"Bearer {keys[frozenset({Scope.READ})]}"}
    problem(anonymous.post("/api/tasks", headers=read | headers, json={}), 403, "forbidden")
    problem(anonymous.get("/api/queues", headers=read | headers), 403, "forbidden")
    problem(anonymous.get("/api/queues/", headers=read | headers), 404, "not_found")
    assert anonymous.get("/api/me", headers=read | headers).json["tenant"] == "acme"


def test_a_route_that_does_not_say_what_it_needs_is_an_error_at_the_start(
    broker: Broker, gateway_settings: GatewaySettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    blueprint = Blueprint("open", __name__, url_prefix="/api/open")
    with pytest.raises(TypeError, match="forgotten does not say what key it needs"):

        @blueprint.get("")
        def forgotten() -> str:
            return ""

    plain = PlainBlueprint("plain", __name__)
    plain.add_url_rule("/api/plain", view_func=lambda: "", endpoint="plain")
    make_api = create_app.__globals__["make_api"]

    def with_another(app: Flask, *args: Any) -> Any:
        app.register_blueprint(plain)
        return make_api(app, *args)

    monkeypatch.setitem(create_app.__globals__, "make_api", with_another)
    with pytest.raises(TypeError, match="does not say what key it needs"):
        create_app(gateway_settings, broker, {})
