"""Operations on many tasks, and groups of failures."""

from marshmallow import fields

from broker.operations.operations import MAX_IDS, Action
from broker.schema import Schema
from broker.tasks.failures import FailureState
from gateway.fields import JsonBoolean, Several, TypeName
from gateway.schemas.members import nullable, required
from gateway.schemas.paging import PageQuery, page_of
from gateway.schemas.task_filters import TaskFilters

_TIME = {"format": "date-time", "example": "2024-01-01T00:00:05.123456Z"}


class TaskSelection(TaskFilters):
    """Which tasks: those that are there when the operation begins and match all of it; an empty object is all."""

    ids = Several(fields.UUID(), MAX_IDS, metadata={"description": "Only these."})


class NewOperation(Schema):
    """What is to be done with which tasks."""

    action = fields.Enum(
        Action,
        by_value=True,
        required=True,
        metadata={
            "description": "`cancel` those that wait, `retry` those that have failed, `delete` those that have ended."
        },
    )
    filter = fields.Nested(
        TaskSelection,
        required=True,
        metadata={"description": "Which tasks: those that match all of it; an empty object is all."},
    )
    force = JsonBoolean(
        load_default=False,
        metadata={
            "description": "Cancel: also stop those that are being processed. Retry: grant one more retry where all "
            "are used."
        },
    )
    dry_run = JsonBoolean(load_default=False, metadata={"description": "Only count them."})


class Operation(Schema):
    """An operation, and how far it is."""

    id = fields.String(**required("The operation's id.", format="uuid"))
    action = fields.Enum(Action, by_value=True, **required("What is done."))
    filter = fields.Dict(**required("With which tasks, as it was asked for."))
    force = fields.Boolean(**required("Whether what is otherwise refused is done, too."))
    dry_run = fields.Boolean(**required("Whether it only counts; `done` are those that would be acted on."))
    status = fields.String(**required("Where it is.", enum=["running", "completed", "cancelled"]))
    created_at = fields.String(**required("When it began.", **_TIME))
    ended_at = fields.String(**nullable("When it ended.", **_TIME))
    candidates = fields.Integer(**required("How many tasks have to be looked at, as counted when it began."))
    examined = fields.Integer(**required("How many of them were looked at."))
    matched = fields.Integer(**required("How many of these match: the sum of the next three."))
    done = fields.Integer(**required("How many were acted on."))
    skipped = fields.Integer(**required("With how many nothing could be done, such as retries that are used up."))
    failed = fields.Integer(**required("With how many it went wrong."))
    reasons = fields.Dict(
        keys=fields.String(),
        values=fields.Integer(),
        **required("Why tasks were skipped or failed, and how many."),
    )


OperationPage = page_of("OperationPage", "operations", Operation)


class FailureQuery(PageQuery):
    """Which groups of failures."""

    state = Several(
        fields.Enum(FailureState, by_value=True),
        len(FailureState),
        metadata={"description": "Only groups in one of these states; `open` if left out."},
    )
    type = Several(TypeName(), 100, metadata={"description": "Only groups of one of these types."})


class Failure(Schema):
    """A group of alike failures."""

    id = fields.String(**required("The group's id; the same cause in the same type has the same.", format="uuid"))
    type = TypeName(**required("What failed."))
    cause = fields.String(**required("What their errors have in common, `<n>`, `<id>` and the like for what differs."))
    message = fields.String(**required("The error of the last."))
    state = fields.Enum(FailureState, by_value=True, **required("What was said of it."))
    count = fields.Integer(**required("How often a task has failed so for good."))
    first_at = fields.String(**required("When one did first.", **_TIME))
    last_at = fields.String(**required("When one did last.", **_TIME))
    task_ids = fields.List(fields.String(), **required("Up to five of the newest; some may have been retried since."))
    regressed_at = fields.String(**nullable("Since when it is open again after it was resolved, if it is.", **_TIME))
    regressions = fields.Integer(**required("How often it has failed again after it was resolved."))


FailurePage = page_of("FailurePage", "failures", Failure)
