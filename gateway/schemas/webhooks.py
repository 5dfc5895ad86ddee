"""Webhooks: endpoints, and the log of what was sent to them."""

from typing import Any

from marshmallow import fields
from marshmallow.validate import Length, OneOf, Range

from broker.outbound.guard import MAX_URL
from broker.schema import Schema
from broker.schema_fields import Integer
from broker.webhooks.events import FLOW_TYPES, TASK_TYPES, TYPES
from gateway.fields import BoundedList, JsonBoolean
from gateway.schemas.change import Change
from gateway.schemas.flows import Flow
from gateway.schemas.members import nullable, required
from gateway.schemas.paging import page_of
from gateway.schemas.tasks import TaskDetail

_DAY = 24 * 3600
#: Each of them may be named more than once.
_MAX_EVENTS = 20
_TIME = {"format": "date-time", "example": "2024-01-01T00:00:05.123456Z"}


def _url(**options: Any) -> fields.String:
    description = "Where events are sent: http or https, on the public internet, without user name or password."
    return fields.String(validate=Length(1, MAX_URL), metadata={"description": description, "format": "uri"}, **options)


def _events(**options: Any) -> Any:
    metadata = {"description": "Which events are sent."}
    return BoundedList(fields.String(validate=OneOf(TYPES)), 1, _MAX_EVENTS, metadata=metadata, **options)


class CreateWebhook(Schema):
    """A new webhook."""

    url = _url(required=True)
    events = _events(required=True)
    description = fields.String(
        load_default="", validate=Length(max=500), metadata={"description": "For your own memory."}
    )
    enabled = JsonBoolean(load_default=True, metadata={"description": "Whether events are sent."})


class ChangeWebhook(Change):
    """New settings of a webhook; what is left out stays as it is."""

    url = _url()
    events = _events()
    description = fields.String(validate=Length(max=500))
    enabled = JsonBoolean(metadata={"description": "What happens while it is disabled is not sent later."})


class Webhook(Schema):
    """A webhook."""

    id = fields.String(**required("Its id.", format="uuid"))
    url = fields.String(**required("Where events are sent."))
    events = fields.List(fields.String(validate=OneOf(TYPES)), **required("Which events are sent."))
    description = fields.String(**required("Its owner's words."))
    enabled = fields.Boolean(**required("Whether events are sent."))
    disabled_reason = fields.String(**nullable("Why it was disabled, if its owner has not done it."))
    failing_since = fields.String(**nullable("The first of the failures since which nothing has succeeded.", **_TIME))
    created_at = fields.String(**required("When it was made.", **_TIME))


class CreatedWebhook(Webhook):
    """A webhook and its secret."""

    secret = fields.String(**required("Verifies signatures; it is shown this once."))


class WebhookList(Schema):
    """All webhooks, oldest first."""

    webhooks = fields.List(fields.Nested(Webhook), required=True)


class RotateSecret(Schema):
    """How to change to a new secret."""

    overlap_seconds = Integer(
        strict=True,
        load_default=_DAY,
        validate=Range(0, 7 * _DAY),
        metadata={"description": "For so long the former secret signs as well."},
    )


class RotatedSecret(Schema):
    """The new secret."""

    secret = fields.String(**required("Verifies signatures; it is shown this once."))
    former_until = fields.String(**required("Until then the former secret signs as well.", **_TIME))


class Delivery(Schema):
    """One attempt to send an event."""

    event_id = fields.String(**required("The webhook-id, the same for every attempt; names the delivery."))
    type = fields.String(**required("The type of the event."))
    task_id = fields.String(**nullable("The task it is about; null for a flow or a test.", format="uuid"))
    flow = fields.String(**nullable("The flow it is about; null for a task or a test."))
    attempt = fields.Integer(**required("1 for the first."))
    at = fields.String(**required("When it ended.", **_TIME))
    status_code = fields.Integer(**nullable("What was answered; null when nobody answered."))
    error = fields.String(**nullable("What went wrong; null when it was delivered."))
    duration_seconds = fields.Float(**nullable("How long it took; null when that is not known."))
    next_attempt_at = fields.String(**nullable("When it is sent again; null when it is not.", **_TIME))


class WebhookEvent(Schema):
    """What a webhook is sent of a task."""

    type = fields.String(**required("What happened.", enum=list(TASK_TYPES)))
    timestamp = fields.String(**required("When it happened.", **_TIME))
    data = fields.Nested(TaskDetail, **required("The task as it was in that moment."))


class FlowEvent(Schema):
    """What a webhook is sent of a flow."""

    type = fields.String(**required("How it ended.", enum=list(FLOW_TYPES)))
    timestamp = fields.String(**required("When it ended.", **_TIME))
    data = fields.Nested(Flow, **required("The flow as it was in that moment."))


DeliveryPage = page_of("DeliveryPage", "deliveries", Delivery)


class Sent(Schema):
    """What is on its way."""

    event_id = fields.String(**required("The webhook-id; find it in the deliveries."))
