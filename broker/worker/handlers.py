"""The handler of a type, as a worker calls it."""

from broker.context import Batch, Handler, TaskContext
from broker.engine.transitions import Claimed
from broker.errors import PermanentError
from broker.task_type import TaskType
from broker.tasks import stored_json
from broker.tasks.installed_types import import_named
from broker.tasks.waiting_payloads import current_payload


def load_handler(task_type: TaskType) -> Handler:
    """Raises ``PermanentError`` where the module has no such handler: another try would find none either.

    Where the type has an ``upgrade``, the handler gets payloads of earlier releases in their present form.
    """
    try:
        handler: Handler = import_named(task_type.handler)
    except ValueError as error:
        if isinstance(error.__cause__, AttributeError):
            raise PermanentError(str(error)) from error
        raise
    if not task_type.upgrade:
        return handler

    def upgrading(context: TaskContext) -> dict[str, object]:
        context.payload = current_payload(task_type, context.payload)
        return handler(context)

    return upgrading


def load_batch(task_type: TaskType) -> Batch:
    """What works on several tasks of the type; of a type that has it. Raises ``ValueError`` where there is none."""
    batch: Batch = import_named(task_type.batch)
    return batch


def joins(task_type: TaskType, claimed: Claimed) -> bool:
    """Whether the task may be worked on together with others. Never raises: run alone, it says what is wrong."""
    try:
        payload = stored_json.decode(claimed.payload)
        return isinstance(payload, dict) and load_batch(task_type).joins(payload)
    except Exception:
        return False
