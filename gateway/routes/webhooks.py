"""``/api/webhooks``: who is told of what, and what became of it. Sending itself is the daemon's."""

from dataclasses import asdict
from typing import Any
from uuid import UUID

from flask import Response

from broker.access.scopes import Scope
from broker.webhooks.records import Webhook
from gateway.answers import created
from gateway.blueprint import Blueprint
from gateway.current import actor, broker, tenant
from gateway.idempotency import IdempotencyHeader, idempotent
from gateway.schemas.paging import NoBody, PageQuery
from gateway.schemas.webhooks import (
    ChangeWebhook,
    CreatedWebhook,
    CreateWebhook,
    DeliveryPage,
    RotatedSecret,
    RotateSecret,
    Sent,
    WebhookList,
)
from gateway.schemas.webhooks import Webhook as WebhookSchema

blueprint = Blueprint(
    "webhooks",
    __name__,
    url_prefix="/api/webhooks",
    description="Be told when tasks start and end: Standard Webhooks 1.0, signed, at least once, for three days.",
)


@blueprint.get("")
@blueprint.needs(Scope.READ)
@blueprint.response(200, WebhookList)
def list_webhooks() -> dict[str, list[Webhook]]:
    """List webhooks"""
    return {"webhooks": broker().webhooks.all(tenant().name)}


@blueprint.post("")
@blueprint.needs(Scope.WRITE)
@blueprint.arguments(CreateWebhook)
@blueprint.arguments(IdempotencyHeader, location="headers")
@blueprint.creates(CreatedWebhook)
@blueprint.problems(409)
def create_webhook(body: dict[str, Any], headers: dict[str, Any]) -> Response:
    """Create a webhook

    The answer is the only one that shows the secret.
    """

    def create(seed: UUID | None) -> Response:
        webhook, secret = broker().webhooks.create(tenant().name, body, seed, actor())
        return created(f"{blueprint.url_prefix}/{webhook.id}", asdict(webhook) | {"secret": secret})

    return idempotent(headers, lambda: body, create, secret=True)


@blueprint.get("/<uuid:webhook_id>")
@blueprint.needs(Scope.READ)
@blueprint.response(200, WebhookSchema)
@blueprint.problems(404)
def get_webhook(webhook_id: UUID) -> Webhook:
    """Show a webhook"""
    return broker().webhooks.get(tenant().name, str(webhook_id))


@blueprint.patch("/<uuid:webhook_id>")
@blueprint.needs(Scope.WRITE)
@blueprint.arguments(ChangeWebhook)
@blueprint.response(200, WebhookSchema)
@blueprint.problems(404)
def change_webhook(body: dict[str, Any], webhook_id: UUID) -> Webhook:
    """Change a webhook

    Enabled again, it gets what was owed to it before, and not what happened while it was disabled.
    """
    return broker().webhooks.change(tenant().name, str(webhook_id), body, actor())


@blueprint.delete("/<uuid:webhook_id>")
@blueprint.needs(Scope.WRITE)
@blueprint.response(204)
@blueprint.problems(404)
def delete_webhook(webhook_id: UUID) -> None:
    """Delete a webhook, and everything that is still owed to it"""
    broker().webhooks.delete(tenant().name, str(webhook_id), actor())


@blueprint.post("/<uuid:webhook_id>/secret/rotate")
@blueprint.needs(Scope.WRITE)
@blueprint.arguments(RotateSecret, required=False)
@blueprint.response(200, RotatedSecret)
@blueprint.problems(404, 409)
def rotate_webhook_secret(body: dict[str, Any], webhook_id: UUID) -> dict[str, str]:
    """Give a webhook a new secret

    Until the overlap is over, deliveries carry two signatures, by the new secret and by the former one.
    """
    overlap = body["overlap_seconds"]
    secret, former_until = broker().webhooks.rotate_secret(tenant().name, str(webhook_id), overlap, actor())
    return {"secret": secret, "former_until": former_until}


@blueprint.get("/<uuid:webhook_id>/deliveries")
@blueprint.needs(Scope.READ)
@blueprint.arguments(PageQuery, location="query")
@blueprint.response(200, DeliveryPage)
@blueprint.problems(404)
def list_deliveries(query: dict[str, Any], webhook_id: UUID) -> dict[str, Any]:
    """List attempts, newest first

    The last 1,000 are kept.
    """
    deliveries, total = broker().webhooks.attempts(tenant().name, str(webhook_id), **query)
    return {"deliveries": deliveries, "total": total, **query}


@blueprint.post("/<uuid:webhook_id>/test")
@blueprint.needs(Scope.WRITE)
@blueprint.arguments(NoBody, required=False)
@blueprint.response(202, Sent)
@blueprint.problems(404, 409)
def test_webhook(_body: dict[str, Any], webhook_id: UUID) -> dict[str, str]:
    """Send a test event

    Its type is webhook.test, its data the webhook's id. It is sent once; the deliveries tell what became of it.
    """
    return {"event_id": broker().webhooks.test(tenant().name, str(webhook_id))}


@blueprint.post("/<uuid:webhook_id>/deliveries/<event_id>/resend")
@blueprint.needs(Scope.WRITE)
@blueprint.arguments(NoBody, required=False)
@blueprint.response(202, Sent)
@blueprint.problems(404, 409)
def resend_delivery(_body: dict[str, Any], webhook_id: UUID, event_id: str) -> dict[str, str]:
    """Send an event again

    With the same id and body. The last 1,000 events (16 MiB at most) that were delivered or given up are kept for it.
    """
    broker().webhooks.resend(tenant().name, str(webhook_id), event_id)
    return {"event_id": event_id}
