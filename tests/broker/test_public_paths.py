"""What other people import stays where it is: task types, plugins, schemas, errors, and what a handler sees."""

import importlib

import pytest

PUBLIC = {
    "broker.task_type": ["TaskType"],
    "broker.schema": ["Schema"],
    "broker.plugin": ["Plugin", "PluginContext", "FILE_TYPES"],
    "broker.context": ["TaskContext", "Handler"],
    "broker.worker.context": ["TaskContext", "Handler"],
    "broker.errors": ["PermanentError", "TransientError", "RateLimited", "Postpone", "TaskTimeout"],
    "broker.broker": ["Broker"],
    "broker.config": ["BrokerSettings"],
    "broker.task": ["NewTask", "Task"],
    "broker.rq_records": ["refuse"],
}


@pytest.mark.parametrize("module", PUBLIC)
def test_it_is_still_there(module: str) -> None:
    found = importlib.import_module(module)
    assert [name for name in PUBLIC[module] if not hasattr(found, name)] == []
