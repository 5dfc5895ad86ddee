"""Workers: who is there, and at what."""

from marshmallow import fields

from broker.schema import Schema
from gateway.schemas.members import nullable, required

_TIME = {"format": "date-time"}


class Worker(Schema):
    """One worker process; a worker of the Procfile has several."""

    name = fields.String(**required("Its name, unique."))
    hostname = fields.String(**required("The machine it runs on."))
    pid = fields.Integer(**required("Its process number there."))
    state = fields.String(**required("busy or idle.", enum=["busy", "idle"]))
    draining = fields.Boolean(**required("Whether it ends what it runs and takes nothing more."))
    types = fields.List(fields.String(), **required("Task types that it listens to."))
    task_id = fields.String(**nullable("The task that it runs.", format="uuid"))
    task_type = fields.String(**nullable("That task's type."))
    running_since = fields.String(**nullable("When it began that run.", **_TIME))
    started_at = fields.String(**required("When it was born.", **_TIME))
    last_heartbeat = fields.String(**required("When it was last known to live.", **_TIME))
    completed = fields.Integer(**required("Runs that ended well, as of its last report."))
    failed = fields.Integer(**required("Runs that did not, as of its last report."))


class WorkerList(Schema):
    """All live workers."""

    workers = fields.List(fields.Nested(Worker), required=True)
