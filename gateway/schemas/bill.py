"""For what a task has waited that has started."""

from marshmallow import fields

from broker.schema import Schema
from gateway.schemas.members import required


class Bill(Schema):
    """Seconds for which it waited, by reason."""

    since = fields.String(
        **required(
            "From when it counts: before the first run from its creation, before a later one from the last time that "
            "it was put into its queue.",
            format="date-time",
        )
    )
    seconds = fields.Float(
        **required("From then to the start of its latest run: the sum of all reasons, to the microsecond.")
    )
    scheduled = fields.Float(**required("Until it was due; a retry's back-off lies before `since`."))
    depends_on = fields.Float(**required("Until the tasks that it depends on had ended."))
    held = fields.Float(**required("Put aside by the operator."))
    paused = fields.Float(**required("Its type was paused, or everything."))
    no_worker = fields.Float(**required("No worker listened to its type, or knew its version."))
    tenant_limit = fields.Float(**required("Its tenant ran, or started, as much as it may."))
    group_limit = fields.Float(**required("Its group ran as many as it may."))
    concurrency = fields.Float(**required("As many of its type ran as may."))
    rate_limit = fields.Float(**required("Its type had no token."))
    share = fields.Float(**required("Workers were busy, and the next turn was another tenant's."))
    workers_busy = fields.Float(**required("Workers were busy, and the next turn was its tenant's."))
    hand_over = fields.Float(**required("A worker was free."))
    # A schema has an attribute of that name already.
    _unknown = fields.Float(
        data_key="unknown", attribute="unknown", **required("No daemon was looking, or it is too long ago.")
    )
