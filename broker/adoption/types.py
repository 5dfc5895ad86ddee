"""The task types of adopted queues: one for each queue that ``ADOPT_RQ_QUEUES`` names."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from marshmallow import ValidationError, fields, validates_schema

from broker.environment.reading import BadSettings, read_one
from broker.schema import Schema
from broker.task_type import TaskType

_WORD = re.compile(r"[A-Za-z0-9]+")
_NONE_BUT_RQ = "jobs of RQ come from RQ: enqueue them there"


class Job(Schema):
    """What a task knows of its job. The job itself, pickle and all, stays where it is."""

    job_id = fields.String(required=True)
    queue = fields.String(required=True)
    #: The name of its function, as far as it can be told without loading anything.
    function = fields.String(required=True)
    #: Which time it is that the job is taken over.
    adoption = fields.Integer(required=True)
    retries = fields.Integer(required=True)


class _Closed(Job):
    """The same for everybody else: nobody can submit one."""

    @validates_schema
    def _refuse(self, data: dict[str, Any], **_: Any) -> None:
        raise ValidationError(_NONE_BUT_RQ)


def queues(environ: Mapping[str, str]) -> list[str]:
    """The queues that may be adopted."""
    return split(read_one(environ, "ADOPT_RQ_QUEUES"))


def split(text: str) -> list[str]:
    """Names with commas between them."""
    return [name for each in text.split(",") if (name := each.strip())]


def type_name(queue: str) -> str:
    """``high-priority`` -> ``RqJobHighPriority``."""
    return "RqJob" + "".join(word[0].upper() + word[1:] for word in _WORD.findall(queue))[:50]


def adopted_types(environ: Mapping[str, str]) -> tuple[dict[str, TaskType], list[str]]:
    """The types by name, with their environment overrides, and a line for each thing that is wrong."""
    found: dict[str, TaskType] = {}
    problems: list[str] = []
    for queue in queues(environ):
        name = type_name(queue)
        if name in found or name == "RqJob":
            problems.append(f"ADOPT_RQ_QUEUES: the name of queue {queue!r} makes no task type of its own ({name})")
            continue
        declared = TaskType(
            name,
            _Closed,
            "broker.adoption.runner:run",
            preflight="broker.adoption.runner:preflight",
            dedicated=True,
            loads_what_it_dumps=False,
        )
        try:
            found[name] = declared.with_environment(environ)
        except BadSettings as error:
            problems += error.problems
    return found, problems


def opened(types: Mapping[str, TaskType], names: Sequence[str]) -> dict[str, TaskType]:
    """The adopted types for whoever may submit them."""
    wanted = {type_name(each) for each in names}
    return {name: replace(each, payload=Job) for name, each in types.items() if name in wanted}
