"""Submits, watches and controls tasks of a Mindia Tasks gateway."""

from mindia_client.client import Client, new_task
from mindia_client.errors import MindiaError, NoAnswer, Problem, TaskFailed, WaitTimeout
from mindia_client.events import Event
from mindia_client.new_task import NewTask
from mindia_client.webhooks import BadSignature, verify

__all__ = [
    "BadSignature",
    "Client",
    "Event",
    "MindiaError",
    "NewTask",
    "NoAnswer",
    "Options",
    "Problem",
    "TaskFailed",
    "WaitTimeout",
    "new_task",
    "verify",
]
