"""What is promised of all routes, asked of each that the URL map has."""

from flask import Flask
from flask.testing import FlaskClient

from gateway.signed_links import is_signed
from tests.gateway.conftest import ClientOf
from tests.gateway.problem import pointers
from tests.gateway.routes import routes

_REQUIRED = {("GET", "/api/search"): {"q": "a dog"}}


def test_no_route_takes_a_parameter_that_it_does_not_declare(app: Flask, client_of: ClientOf) -> None:
    """Links are checked by their own tests."""
    operator = client_of("ops")
    for each in routes(app):
        if not each.signed:
            required = _REQUIRED.get((each.method, each.path), {})
            response = operator.open(each.path, method=each.method, query_string={"nonsense": "1", **required})
            assert pointers(response) == {"nonsense"}, each


def test_exactly_the_links_that_carry_a_signature_need_no_key(app: Flask) -> None:
    for each in routes(app):
        assert is_signed(each.path) == each.signed, each


def test_every_request_that_creates_something_may_have_an_idempotency_key(app: Flask, client: FlaskClient) -> None:
    document = client.get("/api/openapi.json").json
    with_key, creating = set(), set()
    for each in routes(app):
        operation = document["paths"].get(each.template, {}).get(each.method.lower(), {})
        creating |= {each} if "201" in operation.get("responses", ()) else set()
        with_key |= {each} if "Idempotency-Key" in [p["name"] for p in operation.get("parameters", ())] else set()
    assert len(creating) == 15
    assert with_key == creating


def test_every_route_is_described(app: Flask, client: FlaskClient) -> None:
    described = client.get("/api/openapi.json").json["paths"]
    undescribed = {each.path for each in routes(app) if each.method.lower() not in described.get(each.template, {})}
    assert undescribed == {"/api/openapi.json"}
