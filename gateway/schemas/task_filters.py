"""Which tasks are meant, in the query of a list and in the body of an operation."""

from typing import Any

from marshmallow import fields
from marshmallow.validate import Length

from broker.clock import to_rfc3339
from broker.schema import Schema
from broker.status import Status
from broker.tasks.submission import MAX_NAME
from broker.tasks.task_filters import MAX_ERROR, Wanted
from gateway.fields import FlowId, Moment, Several, TypeName, Words

#: Ids in one query.
MAX_IDS = 100
_ISO = " ISO 8601, in UTC unless it has an offset."
#: Members of ``Wanted`` by the names that they have here, where those differ.
_NAMES = {"status": "statuses", "type": "types", "start_date": "start_us", "end_date": "end_us"}


class TaskFilters(Schema):
    """Filters, all of which must match."""

    status = Several(
        fields.Enum(Status, by_value=True),
        len(Status),
        metadata={"description": "Only tasks in one of these statuses."},
    )
    type = Several(TypeName(), 100, metadata={"description": "Only tasks of one of these types."})
    ids = Several(fields.UUID(), MAX_IDS, metadata={"description": "Only these."})
    flow = FlowId(metadata={"description": "Only tasks of this flow. Either this or type."})
    tag = Words(MAX_NAME, metadata={"description": "Only tasks with this tag."})
    group = Words(MAX_NAME, metadata={"description": "Only tasks of this group."})
    media_id = fields.UUID(metadata={"description": "Only tasks whose payload names this file."})
    error = Words(
        MAX_ERROR, metadata={"description": "Only tasks whose error has this in it, in small or capital letters."}
    )
    unique_key = fields.String(validate=Length(1, 255), metadata={"description": "Only tasks with this unique_key."})
    failure_id = fields.UUID(metadata={"description": "Only failed tasks of this group of failures."})
    start_date = Moment(
        metadata={"description": "Only tasks created at this moment or later; a date alone is its first." + _ISO}
    )
    end_date = Moment(
        end=True,
        metadata={"description": "Only tasks created at this moment or earlier; a date alone is its last." + _ISO},
    )


def wanted_of(given: dict[str, Any]) -> Wanted:
    """What loaded filters mean."""
    told = {_NAMES.get(name, name): value for name, value in given.items()}
    for name in ("media_id", "failure_id"):
        if name in told:
            told[name] = str(told[name])
    if "ids" in told:
        told["ids"] = tuple(map(str, told["ids"]))
    if "failure_id" in told:
        told["failure"] = told.pop("failure_id")
    return Wanted(**told)


def asked_of(given: dict[str, Any]) -> dict[str, Any]:
    """Loaded filters as JSON values, as they are shown."""
    return {name: _plain(value) for name, value in given.items()}


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_plain(each) for each in value]
    return to_rfc3339(max(0, value)) if isinstance(value, int) else str(value)
