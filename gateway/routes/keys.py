"""``/api/keys``: who may do what. The operator makes keys and ends them; every key may rotate or end itself."""

from dataclasses import asdict
from typing import Any
from uuid import UUID

from flask import Response

from broker.access.api_keys import NewKey
from broker.access.records import ApiKey
from broker.access.scopes import Scope
from broker.errors import Forbidden
from gateway.answers import created
from gateway.blueprint import Blueprint
from gateway.current import actor, broker, caller, tenant
from gateway.idempotency import IdempotencyHeader, idempotent
from gateway.schemas.keys import ApiKey as ApiKeySchema
from gateway.schemas.keys import ApiKeyPage, CreatedKey, CreateKey, KeyQuery, RotatedKey, RotateKey

blueprint = Blueprint("keys", __name__, url_prefix="/api/keys", description="API keys, their scopes and their end.")


@blueprint.get("")
@blueprint.needs(Scope.ADMIN)
@blueprint.arguments(KeyQuery, location="query")
@blueprint.response(200, ApiKeyPage)
def list_keys(query: dict[str, Any]) -> dict[str, Any]:
    """List API keys, newest first

    Those of API_KEYS are not among them: they begin and end with the environment of the gateways.
    """
    keys, total = broker().api_keys.page(**query)
    return {"keys": keys, "total": total, "limit": query["limit"], "offset": query["offset"]}


@blueprint.post("")
@blueprint.needs(Scope.ADMIN)
@blueprint.arguments(CreateKey)
@blueprint.arguments(IdempotencyHeader, location="headers")
@blueprint.creates(CreatedKey)
@blueprint.problems(409)
def create_key(body: dict[str, Any], headers: dict[str, Any]) -> Response:
    """Create an API key

    The answer is the only one that shows it. It is in force at once, on every gateway.
    """
    _check_present()
    scopes = frozenset(map(Scope, body["scopes"]))
    new = NewKey(body.get("tenant", tenant().name), body["name"], scopes, body.get("expires_at"))

    def create(seed: UUID | None) -> Response:
        key, text = broker().api_keys.create(new, actor(), seed)
        return created(f"{blueprint.url_prefix}/{key.id}", asdict(key) | {"key": text})

    return idempotent(headers, lambda: body, create, secret=True)


@blueprint.get("/<key_id>")
@blueprint.needs(Scope.ADMIN)
@blueprint.response(200, ApiKeySchema)
@blueprint.problems(404)
def get_key(key_id: str) -> ApiKey:
    """Show an API key"""
    return broker().api_keys.get(key_id)


@blueprint.post("/<key_id>/rotate")
@blueprint.needs(Scope.WRITE)
@blueprint.arguments(RotateKey, required=False)
@blueprint.response(200, RotatedKey)
@blueprint.problems(404)
def rotate_key(body: dict[str, Any], key_id: str) -> dict[str, str]:
    """Give an API key a new secret

    Until the overlap is over, the former one is valid too, but not to change keys. Id, scopes and expiry stay. A key
    may do this to itself; to any other, one with the scope admin.
    """
    _check_whose(key_id)
    text, former_until = broker().api_keys.rotate(key_id, body["overlap_seconds"], actor())
    return {"id": key_id, "key": text, "former_until": former_until}


@blueprint.delete("/<key_id>")
@blueprint.needs(Scope.WRITE)
@blueprint.response(204)
@blueprint.problems(404)
def delete_key(key_id: str) -> None:
    """Revoke an API key

    Every gateway refuses it from now on, and ends its streams within seconds. A key may do this to itself; to any
    other, one with the scope admin.
    """
    _check_whose(key_id)
    broker().api_keys.revoke(key_id, actor())


def _check_present() -> None:
    """Raises ``Forbidden`` for a secret that was replaced: whoever finds one cannot make a new one or a key of it."""
    identity = caller().identity
    if identity and identity.is_former:
        raise Forbidden("This secret was replaced; use the key's new one.")


def _check_whose(key_id: str) -> None:
    """Raises ``Forbidden`` unless it is the caller's own key or the caller is the operator, by the present secret."""
    _check_present()
    asking = caller()
    if asking.key != key_id:
        asking.require(Scope.ADMIN)
