"""The task types of the test workers; all run ``tests.handlers_for_tests:act``."""

from marshmallow import Schema, fields

from broker.task_type import TaskType


class ActPayload(Schema):
    act = fields.String(required=True)
    args = fields.Dict(load_default=dict)


def _type(name: str, **defaults: object) -> TaskType:
    return TaskType(name, ActPayload, "tests.handlers_for_tests:act", **defaults)  # type: ignore[arg-type]


TYPES = {
    each.name: each
    for each in (
        _type("Act"),
        _type("Other"),
        _type("Limited", rate=20.0, burst=5),
        _type("Narrow", concurrency=2),
        _type("Joint", batch="tests.handlers_together:JOINT", batch_size=8),
        TaskType("Leak", ActPayload, "tests.handlers_that_leak:act"),
        TaskType("Nameless", ActPayload, "tests.handlers_for_tests:nothing"),
        TaskType("Broken", ActPayload, "tests.no_such_module:handler"),
    )
}

#: For processes that are told their types by ``TASK_TYPES``.
ACT = TYPES["Act"]
LIMITED = TYPES["Limited"]
