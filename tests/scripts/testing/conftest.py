"""The plugin's fixtures, whether it is installed or not, with two small task types."""

from typing import Any

import pytest
from marshmallow import fields

from broker.errors import PermanentError
from broker.schema import Schema
from broker.task_type import TaskType
from scripts.testing.plugin import _mindia_session, mindia_limits, mindia_tasks

__all__ = ["_mindia_session", "mindia_limits", "mindia_task_types", "mindia_tasks"]


class Greeting(Schema):
    name = fields.String(required=True)


def greet(context: Any) -> dict[str, str]:
    if context.payload["name"] == "nobody":
        raise PermanentError("There is nobody to greet.")
    if context.payload["name"] == "busy" and context.attempt < 3:
        raise ConnectionError("busy")
    return {"text": f"Hello {context.payload['name']}"}


@pytest.fixture
def mindia_task_types() -> dict[str, TaskType]:
    name = f"{__name__}:greet"
    return {each: TaskType(each, Greeting, name, rate=1.0, burst=1) for each in ("Greeting", "Farewell")}
