"""What a new task has to do with others, and with time: those that it depends on, its flow, its deadline."""

import re
import uuid
from collections.abc import Iterator

from broker.clock import from_rfc3339
from broker.defects import Defect
from broker.errors import InvalidInput
from broker.task import NewTask

#: Tasks that one may depend on, and that all of a batch may name together: each is looked up in the one script.
MAX_DEPENDENCIES, MAX_NAMED = 100, 1000
ON_FAILURE = ("cancel", "run")
#: The id of a flow: it stands in a path and in names of keys.
FLOW = re.compile(r"[A-Za-z0-9_-]{1,64}", re.ASCII)
FLOW_WORDS = "1 to 64 letters, digits, - and _"
MISSING = "There is no task with this id."


def links_of(new: NewTask) -> str:
    """What submit_linked.lua takes of a task's links, '' of one without any. Raises ``InvalidInput``."""
    if not new.depends_on and new.flow is None and new.on_failure == "cancel" and new.deadline is None:
        return ""
    if defects := list(_defects(new)):
        raise InvalidInput(errors=defects)
    ids = ",".join(each.lower() for each in new.depends_on)
    deadline = f" {from_rfc3339(new.deadline)}" if new.deadline else ""
    return f"{new.flow or ''} {new.on_failure} {ids}{deadline}"


def named_by(links: str) -> list[str]:
    """The ids of the tasks that are depended on."""
    ids = links.split(" ")[2] if links else ""
    return ids.split(",") if ids else []


def refused(number: int, position: int, *, batch: bool) -> InvalidInput:
    """The error of a task of a batch, or of a single one, that cannot depend on the one that it names there."""
    task = f"/tasks/{number}" if batch else ""
    return InvalidInput(errors=[{"pointer": f"{task}/depends_on/{position}", "detail": MISSING}])


def _defects(new: NewTask) -> Iterator[Defect]:
    if new.on_failure not in ON_FAILURE:
        yield {"pointer": "/on_failure", "detail": f"must be one of {', '.join(ON_FAILURE)}"}
    elif new.on_failure != "cancel" and not new.depends_on:
        yield {"pointer": "/on_failure", "detail": "needs depends_on, which says on whose failure"}
    if new.flow is not None and not FLOW.fullmatch(new.flow):
        yield {"pointer": "/flow", "detail": f"must be {FLOW_WORDS}"}
    if len(new.depends_on) > MAX_DEPENDENCIES:
        yield {"pointer": "/depends_on", "detail": f"must be at most {MAX_DEPENDENCIES} ids"}
        return
    seen: set[str] = set()
    for position, each in enumerate(new.depends_on):
        if not _is_id(each):
            yield {"pointer": f"/depends_on/{position}", "detail": MISSING}
        elif each.lower() in seen:
            yield {"pointer": f"/depends_on/{position}", "detail": "Named more than once."}
        seen.add(each.lower())


def _is_id(text: str) -> bool:
    try:
        return str(uuid.UUID(text)) == text.lower()
    except ValueError:
        return False
