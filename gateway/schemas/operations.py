"""Operations on many tasks, and groups of failures."""

from typing import Any

from marshmallow import ValidationError, fields, validates_schema

from broker.operations.operations import MAX_IDS, Action
from broker.schema import Schema
from broker.tasks.failures import FailureState
from broker.tasks.submission import MAX_NAME, MAX_TAGS
from gateway.fields import BoundedList, JsonBoolean, Moment, Several, TypeName, Words
from gateway.schemas.members import nullable, required
from gateway.schemas.paging import PageQuery, page_of
from gateway.schemas.task_filters import TaskFilters

_TIME = {"format": "date-time", "example": "2024-01-01T00:00:05.123456Z"}


#: What finds videos; the other filters find tasks. And what else only `reprocess` takes.
_OF_VIDEOS, _TIMES = {"ids", "uploaded_from", "uploaded_to"}, {"uploaded_from", "uploaded_to"}
OF_REPROCESS = ("options", "background", "tags")


class TaskSelection(TaskFilters):
    """Which tasks, or with `reprocess` videos: those that are there when the operation begins and match all of it."""

    ids = Several(fields.UUID(), MAX_IDS, metadata={"description": "Only these."})
    uploaded_from = Moment(metadata={"description": "`reprocess`: not videos that were uploaded before."})
    uploaded_to = Moment(end=True, metadata={"description": "`reprocess`: not videos that were uploaded after it."})


class NewOperation(Schema):
    """What is to be done with which tasks, or videos."""

    action = fields.Enum(
        Action,
        by_value=True,
        required=True,
        metadata={
            "description": "`cancel` those that wait, `retry` those that have failed, `delete` those that have ended; "
            "`reprocess` transcodes videos again."
        },
    )
    filter = fields.Nested(
        TaskSelection,
        required=True,
        metadata={
            "description": "Which tasks: those that match all of it; an empty object is all. With `reprocess` videos, "
            "by `ids`, `uploaded_from` and `uploaded_to`."
        },
    )
    force = JsonBoolean(
        load_default=False,
        metadata={
            "description": "Cancel: also stop those that are being processed. Retry: grant one more retry where all "
            "are used."
        },
    )
    dry_run = JsonBoolean(load_default=False, metadata={"description": "Only count them."})
    options = fields.Dict(
        metadata={
            "description": "Reprocess: further members of the payload of VideoTranscoding, beside `video_id`; none if "
            "left out."
        },
    )
    background = JsonBoolean(
        metadata={
            "description": "Reprocess: whether the tasks wait until nothing else does; else they have priority 0. True "
            "if left out."
        }
    )
    tags = BoundedList(
        Words(MAX_NAME), 0, MAX_TAGS, metadata={"description": "Reprocess: tags of the tasks, to find them by."}
    )

    @validates_schema(skip_on_field_errors=True)
    def _fits_its_action(self, data: dict[str, Any], **_: Any) -> None:
        given = set(data["filter"])
        if data["action"] is Action.REPROCESS:
            wrong = {name: ["Does not find videos."] for name in given - _OF_VIDEOS}
            outside = {"force": ["There is nothing to force."]} if data["force"] else {}
        else:
            wrong = {name: ["Does not find tasks."] for name in given & _TIMES}
            outside = {name: ["Only for `reprocess`."] for name in OF_REPROCESS if name in data}
        if wrong or outside:
            raise ValidationError({**({"filter": wrong} if wrong else {}), **outside})


class HowAgain(Schema):
    """What the tasks of an operation that transcodes videos again are given."""

    options = fields.Dict(**required("Further members of their payload."))
    background = fields.Boolean(**required("Whether they wait until nothing else does."))
    tags = fields.List(fields.String(), **required("Their tags."))


class Operation(Schema):
    """An operation, and how far it is."""

    id = fields.String(**required("The operation's id.", format="uuid"))
    action = fields.Enum(Action, by_value=True, **required("What is done."))
    filter = fields.Dict(**required("With which tasks or videos, as it was asked for."))
    how = fields.Nested(HowAgain, **nullable("How videos are transcoded again, where they are."))
    force = fields.Boolean(**required("Whether what is otherwise refused is done, too."))
    dry_run = fields.Boolean(**required("Whether it only counts; `done` are those that would be acted on."))
    status = fields.String(**required("Where it is.", enum=["running", "completed", "cancelled"]))
    created_at = fields.String(**required("When it began.", **_TIME))
    ended_at = fields.String(**nullable("When it ended.", **_TIME))
    waits_for = fields.String(
        **nullable("Why it cannot go on for now, which it does by itself.", enum=["queue_full", "quota_exceeded", None])
    )
    candidates = fields.Integer(**required("How many tasks or videos have to be looked at, as counted when it began."))
    examined = fields.Integer(**required("How many of them were looked at."))
    matched = fields.Integer(**required("How many of these match: the sum of the next three."))
    done = fields.Integer(**required("How many were acted on; with `reprocess`, for how many a task was made."))
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
