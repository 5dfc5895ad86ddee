"""Tasks: what is asked for, and how they are shown. The names and words are those of the guide."""

from typing import Any

from marshmallow import ValidationError, fields
from marshmallow.validate import Length, Range

from broker.fields import Integer
from broker.schema import Schema
from broker.status import Status
from broker.task_type import MAX_PRIORITY, MAX_RETRIES, MAX_TIMEOUT
from broker.tasks.submission import MAX_BATCH
from gateway.current import broker
from gateway.fast.schemas import MostlyPlain
from gateway.fields import BoundedList, JsonNumber, Moment, Payload, QueryFlag, QueryInteger, Result, TypeName
from gateway.schemas.links import TaskLinks
from gateway.schemas.members import nullable, required
from gateway.schemas.paging import PageQuery, page_of

#: Beyond it a time in microseconds is no longer exact as a double, which is what Redis and Lua count in.
_LAST_MOMENT = 2**53
_ISO = " ISO 8601, in UTC unless it has an offset."
#: The members that a task must have.
_LEAST = {"type", "payload"}
_LONGEST_DELAY = 10 * 365 * 24 * 3600


def _check_representable(moment_us: int) -> None:
    if moment_us > _LAST_MOMENT:
        raise ValidationError("Too far in the future.")


class TaskQuery(PageQuery):
    """Filters of the list; all of them must match."""

    status = fields.Enum(Status, by_value=True, metadata={"description": "Only tasks in this status."})
    type = TypeName(metadata={"description": "Only tasks of this type."})
    start_date = Moment(
        metadata={"description": "Only tasks created at this moment or later; a date alone is its first." + _ISO}
    )
    end_date = Moment(
        end=True,
        metadata={"description": "Only tasks created at this moment or earlier; a date alone is its last." + _ISO},
    )


class ForceQuery(Schema):
    """Whether to do what is otherwise refused."""

    force = QueryFlag(
        load_default=False,
        metadata={
            "description": "Cancel: also stop a task that is being processed. "
            "Retry: grant one more retry when all are used."
        },
    )


class WaitQuery(Schema):
    """How long to wait for news."""

    wait = QueryInteger(
        validate=Range(1, 25), metadata={"description": "Seconds to wait for the status to change; 1 to 25."}
    )


class _Delay(JsonNumber):
    """Seconds from now, of a task that names no moment."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        if "scheduled_at" in data:
            raise ValidationError("Give scheduled_at or delay_seconds, not both.")
        return super()._deserialize(value, attr, data, **kwargs)


class CreateTask(Schema):
    """A new task."""

    type = TypeName(required=True, metadata={"description": "What to do."})
    payload = Payload(required=True, metadata={"description": "What to do it with; its form depends on the type."})
    priority = Integer(
        strict=True,
        validate=Range(0, MAX_PRIORITY),
        metadata={"description": "Higher runs first; the type's default if left out."},
    )
    scheduled_at = Moment(
        validate=_check_representable,
        metadata={"description": "Not before this moment. Either this or delay_seconds." + _ISO},
    )
    delay_seconds = _Delay(
        validate=Range(0, _LONGEST_DELAY),
        metadata={"description": "Not before so many seconds from now. Either this or scheduled_at."},
    )
    max_retries = Integer(
        strict=True, validate=Range(0, MAX_RETRIES), metadata={"description": "The type's default if left out."}
    )
    timeout_seconds = Integer(
        strict=True,
        validate=Range(1, MAX_TIMEOUT),
        metadata={"description": "How long a run may take; the type's default if left out."},
    )
    unique_key = fields.String(
        validate=Length(1, 255),
        metadata={"description": "While a task of this type and key is unfinished, that task is the answer (200)."},
    )


def _is_least(value: Any) -> bool:
    """Whether it is a task of nothing but a known type and an object, which is valid."""
    least = isinstance(value, dict) and value.keys() == _LEAST and isinstance(value["payload"], dict)
    return least and isinstance(value["type"], str) and value["type"] in broker().types


class CreateTasks(Schema):
    """New tasks."""

    #: Of a body: a thousand tasks with payloads of 16 KiB each.
    max_bytes = 16 * 1024 * 1024

    tasks = BoundedList(MostlyPlain(CreateTask, _is_least), 1, MAX_BATCH, **required("Accepted all or none."))


class Progress(Schema):
    """How far a run is."""

    percent = fields.Float(required=True)
    stage = fields.String(required=True)


class Attempt(Schema):
    """One ended run."""

    started_at = fields.String(allow_none=True, metadata={"format": "date-time"})
    ended_at = fields.String(allow_none=True, metadata={"format": "date-time"})
    outcome = fields.String()
    error = fields.String(allow_none=True)
    worker = fields.String(allow_none=True)


_TIME = {"format": "date-time", "example": "2024-01-01T00:00:05.123456Z"}


class TaskInList(Schema):
    """A task."""

    id = fields.String(**required("The task's id.", format="uuid"))
    type = TypeName(**required("What it does."))
    status = fields.Enum(Status, by_value=True, **required("Where it is in its life."))
    priority = fields.Integer(**required("0 to 10; higher runs first."))
    payload = fields.Dict(**required("What it does it with."))
    created_at = fields.String(**required("When it was submitted.", **_TIME))
    scheduled_at = fields.String(**nullable("When it is or was due, if it was put off.", **_TIME))
    started_at = fields.String(**nullable("When its latest run began.", **_TIME))
    completed_at = fields.String(**nullable("When it ended, well or badly.", **_TIME))
    error = fields.String(**nullable("What went wrong last."))
    retry_count = fields.Integer(**required("Retries used."))
    max_retries = fields.Integer(**required("Retries granted."))
    timeout_seconds = fields.Integer(**required("How long a run may take."))
    progress = fields.Nested(
        Progress, **nullable("How far the present run is; of one that starts again, how far the run before was.")
    )
    result = Result(**nullable("What a completed task made."))
    links = fields.Nested(TaskLinks, **nullable("Where what it made can be opened, if that is elsewhere."))


class TaskDetail(TaskInList):
    """A task with the history of its runs."""

    attempts = fields.List(fields.Nested(Attempt), **required("The last ended runs, oldest first."))


class TaskList(Schema):
    """Tasks, in the order in which they were asked for."""

    tasks = fields.List(fields.Nested(TaskDetail), required=True)


TaskPage = page_of("TaskPage", "tasks", TaskInList)


class TaskStats(Schema):
    """Counts over all of the caller's tasks."""

    total = fields.Integer(**required("All tasks."))
    by_status = fields.Dict(keys=fields.String(), values=fields.Integer(), **required("Tasks per status."))
    by_type = fields.Dict(keys=fields.String(), values=fields.Integer(), **required("Tasks per type."))
    average_duration_seconds = fields.Float(**nullable("Over completed tasks; null when there is none."))
    success_rate = fields.Float(**required("Completed tasks by all tasks; 0 when there is none."))


class Changed(Schema):
    """What became of a task on the caller's word."""

    id = fields.String(**required("The task's id.", format="uuid"))
    status = fields.Enum(Status, by_value=True, **required("Its status now."))
    message = fields.String(**required("The same in words."))
