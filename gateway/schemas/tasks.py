"""Tasks: what is asked for, and how they are shown. The names and words are those of the guide."""

from typing import Any

from marshmallow import ValidationError, fields
from marshmallow.validate import Length, OneOf, Range

from broker.levels import MAX_PRIORITY
from broker.schema import Schema
from broker.schema_fields import Integer
from broker.status import Status
from broker.task_type import MAX_RETRIES, MAX_TIMEOUT
from broker.tasks.links import FLOW_WORDS, MAX_DEPENDENCIES, ON_FAILURE
from broker.tasks.places import Order
from broker.tasks.submission import MAX_BATCH, MAX_NAME, MAX_TAGS
from gateway.current import broker
from gateway.fast.schemas import MostlyPlain
from gateway.fields import (
    BoundedList,
    Cursor,
    FlowId,
    JsonBoolean,
    JsonNumber,
    Moment,
    Payload,
    QueryFlag,
    QueryInteger,
    Result,
    TypeName,
    Words,
    check_representable,
)
from gateway.schemas.bill import Bill
from gateway.schemas.change import Change
from gateway.schemas.links import TaskLinks
from gateway.schemas.members import nullable, required
from gateway.schemas.paging import PageQuery, page_of
from gateway.schemas.task_filters import TaskFilters
from gateway.schemas.usage import TaskUsage
from gateway.schemas.waiting import Waiting

_ISO = " ISO 8601, in UTC unless it has an offset."
#: The members that a task must have.
_LEAST = {"type", "payload"}
_LONGEST_DELAY = 10 * 365 * 24 * 3600


class TaskQuery(PageQuery, TaskFilters):
    """Which part of which tasks."""

    cursor = Cursor(
        metadata={
            "description": "The `next_cursor` of the page before, empty for the first page. Pages by cursor neither "
            "skip nor repeat a task while others come, go and change."
        }
    )
    order = fields.Enum(
        Order,
        by_value=True,
        metadata={
            "description": "`-created_at` (if left out): newest first; `created_at`: oldest first; the same by "
            "`completed_at` lists what has ended. Pages go on by cursor."
        },
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


class ChangeTask(Change):
    """What is to be different of a task that waits."""

    priority = Integer(
        strict=True,
        validate=Range(0, MAX_PRIORITY),
        metadata={"description": "Higher runs first. It takes a task out of the background."},
    )
    background = JsonBoolean(
        metadata={"description": "Into the background, or out of it to priority 0. Not true together with a priority."}
    )
    scheduled_at = Moment(
        validate=check_representable,
        metadata={
            "description": "Not before this moment; one that has passed is at once. Either this or delay_seconds."
            + _ISO
        },
    )
    delay_seconds = _Delay(
        validate=Range(0, _LONGEST_DELAY),
        metadata={"description": "Not before so many seconds from now. Either this or scheduled_at."},
    )
    tags = BoundedList(
        Words(MAX_NAME),
        0,
        MAX_TAGS,
        metadata={"description": "Words to know the task by, in the place of those it has."},
    )


class CreateTask(Schema):
    """A new task."""

    type = TypeName(required=True, metadata={"description": "What to do."})
    payload = Payload(required=True, metadata={"description": "What to do it with; its form depends on the type."})
    priority = Integer(
        strict=True,
        validate=Range(0, MAX_PRIORITY),
        metadata={"description": "Higher runs first; the type's default if left out."},
    )
    background = JsonBoolean(
        metadata={
            "description": "Below every priority of every type: it starts when nothing else that waits could. "
            "Not true together with a priority."
        }
    )
    scheduled_at = Moment(
        validate=check_representable,
        metadata={"description": "Not before this moment. Either this or delay_seconds." + _ISO},
    )
    delay_seconds = _Delay(
        validate=Range(0, _LONGEST_DELAY),
        metadata={"description": "Not before so many seconds from now. Either this or scheduled_at."},
    )
    deadline = Moment(
        validate=check_representable,
        metadata={
            "description": "Of no use unless a run of it begins before this moment, which is in the future. It is "
            "cancelled then if none has begun, and refused (`deadline_impossible`) when none can: because it, or what "
            "it depends on, is due later, or because by the forecast nine of ten such tasks would begin later." + _ISO
        },
    )
    max_retries = Integer(
        strict=True, validate=Range(0, MAX_RETRIES), metadata={"description": "The type's default if left out."}
    )
    timeout_seconds = Integer(
        strict=True,
        validate=Range(1, MAX_TIMEOUT),
        metadata={"description": "How long a run may take; the type's default if left out."},
    )
    group = Words(
        MAX_NAME,
        metadata={
            "description": "Your end user, say: groups share alike what you get, and none waits for another's flood."
        },
    )
    tags = BoundedList(
        Words(MAX_NAME),
        0,
        MAX_TAGS,
        metadata={"description": "Words to know the task by."},
    )
    unique_key = fields.String(
        validate=Length(1, 255),
        metadata={"description": "While a task of this type and key is unfinished, that task is the answer (200)."},
    )
    depends_on = BoundedList(
        fields.String(),
        1,
        MAX_DEPENDENCIES,
        metadata={
            "description": "Ids of tasks of yours that have to end before; until then it is scheduled. With a time as "
            "well, both are waited for."
        },
    )
    on_failure = fields.String(
        validate=OneOf(ON_FAILURE),
        metadata={
            "description": "What becomes of it when one of those fails, is cancelled or deleted: `cancel` (if left "
            "out), also when that was before, and so on with what depends on this one; `run`: it counts as ended. To "
            "retry the other brings a cancelled one not back."
        },
    )
    flow = FlowId(metadata={"description": f"A flow to belong to, of your choice: {FLOW_WORDS}."})


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


class Trace(Schema):
    """What the request was known by that submitted the task."""

    request_id = fields.String(**nullable("Its X-Request-Id."))
    traceparent = fields.String(**nullable("Its W3C trace context, with the span of the submission."))
    tracestate = fields.String(**nullable("What systems on the way have added to that."))


class TaskInList(Schema):
    """A task."""

    id = fields.String(**required("The task's id.", format="uuid"))
    type = TypeName(**required("What it does."))
    status = fields.Enum(Status, by_value=True, **required("Where it is in its life."))
    priority = fields.Integer(**required("0 to 10; higher runs first. 0 in the background."))
    background = fields.Boolean(**required("Whether it waits until nothing else does, below every priority."))
    payload = fields.Dict(**required("What it does it with."))
    created_at = fields.String(**required("When it was submitted.", **_TIME))
    scheduled_at = fields.String(**nullable("When it is or was due, if it was put off.", **_TIME))
    deadline = fields.String(**nullable("When it is or was to be cancelled if no run of it had begun.", **_TIME))
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
    flow = fields.String(**nullable("The flow that it belongs to."))
    group = fields.String(**nullable("The group that it was submitted for."))
    tags = fields.List(fields.String(), **required("Words to know it by."))
    part_of = fields.String(
        **nullable(
            "The task that it helps with a long video (`VIDEO_PARALLEL`), by which it was made: it has its payload, no "
            "result and no webhooks. Null of a task that was submitted.",
            format="uuid",
        )
    )
    depends_on = fields.List(fields.String(), **required("Ids of the tasks that had to end before."))
    on_failure = fields.String(
        **nullable(
            "What becomes of it when one of them does not complete; null when it depends on none.",
            enum=[*ON_FAILURE, None],
        )
    )
    waiting_for = fields.List(fields.String(), **required("Those of them that have not ended yet."))
    waiting = fields.Nested(
        Waiting,
        **nullable("Why it waits; null of a task that does not, and in the answer to its submission and in events."),
    )
    waited = fields.Nested(
        Bill,
        **nullable("For what it waited before its latest run; null where `waiting` is, and of a task that waits."),
    )
    links = fields.Nested(TaskLinks, **nullable("Where what it made can be opened, if that is elsewhere."))
    trace = fields.Nested(
        Trace,
        **nullable(
            "What the request that submitted it said of itself (headers X-Request-Id, traceparent, tracestate); null "
            "if that was nothing. Requests that its handler makes and its webhooks carry the same."
        ),
    )


class TaskDetail(TaskInList):
    """A task with the history of its runs."""

    attempts = fields.List(fields.Nested(Attempt), **required("The last ended runs, oldest first."))
    usage = fields.Nested(
        TaskUsage, **nullable("What its runs have used together; null before one has ended, and below 10 ms.")
    )


class TaskList(Schema):
    """Tasks, in the order in which they were asked for."""

    tasks = fields.List(fields.Nested(TaskDetail), required=True)


class TaskPage(page_of("_TaskPage", "tasks", TaskInList)):  # type: ignore[misc]
    """A page of tasks."""

    total = fields.Integer(
        **nullable("How many match in all, at the same moment; null where each would have to be looked at for that.")
    )
    next_cursor = fields.String(
        allow_none=True,
        metadata={
            "description": "Where the next page begins, null when there is none; only where `cursor`, `order` or a "
            "filter that no index knows was asked for. A page may be short, or empty, and yet not the last."
        },
    )
    incomplete = fields.Boolean(
        metadata={
            "description": "Whether looking for matches was ended for the time that it takes: go on with next_cursor."
        }
    )


class TaskStats(Schema):
    """Counts over all of the caller's tasks."""

    total = fields.Integer(**required("All tasks."))
    by_status = fields.Dict(keys=fields.String(), values=fields.Integer(), **required("Tasks per status."))
    by_type = fields.Dict(keys=fields.String(), values=fields.Integer(), **required("Tasks per type."))
    average_duration_seconds = fields.Float(**nullable("Over completed tasks; null when there is none."))
    success_rate = fields.Float(
        **required("Completed tasks by all but cancelled ones that helped another (`part_of`); 0 when there is none.")
    )


class Changed(Schema):
    """What became of a task on the caller's word."""

    id = fields.String(**required("The task's id.", format="uuid"))
    status = fields.Enum(Status, by_value=True, **required("Its status now."))
    message = fields.String(**required("The same in words."))
