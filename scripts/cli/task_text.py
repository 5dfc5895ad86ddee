"""Tasks in the words of a terminal; all it says is what the API has said."""

from typing import Any

import click

from scripts.cli.output import as_text, status_word
from scripts.cli.waits import bill
from scripts.cli.words import ago, between, clean, clock, coming, duration, size

Task = dict[str, Any]


def headline(task: Task) -> str:
    """What a list says of a task beside its status: what it does, why it waits, what went wrong."""
    if task["status"] == "processing" and task["progress"]:
        return progress(task["progress"])
    waiting = task.get("waiting")
    if waiting and waiting["reason"] != "scheduled":
        return clean(waiting["detail"])
    if task["status"] == "scheduled":
        again = f", after: {clean(task['error'])}" if task["error"] else ""
        return f"due {clock(task['scheduled_at'])}{again}"
    return clean(task["error"] or "") if task["status"] not in ("processing", "completed") else ""


def progress(now: dict[str, Any]) -> str:
    """``62 % encode``"""
    return f"{now['percent']:.0f} % {clean(now['stage'])}".rstrip()


def ending(task: Task) -> str:
    """One line on how a task has ended, with the ``file`` that it was about where the command has added it."""
    took = f" in {between(task['started_at'], task['completed_at'])}" if task["started_at"] else ""
    about = f"{clean(task['file'])}: " if task.get("file") else ""
    error = f": {about}{clean(task['error'])}" if task["error"] and task["status"] != "completed" else ""
    return f"{task['id']}  {clean(task['type'])}  {status_word(task['status'])}{took}{error}"


def facts(task: Task) -> list[tuple[str, str]]:
    """Everything short, by its name in the API."""
    used = f"{task['retry_count']} of {task['max_retries']}"
    return [
        ("status", status_word(task["status"]) + (f"  {headline(task)}" if headline(task) else "")),
        ("priority", "background" if task["background"] else str(task["priority"])),
        ("created", _when(task["created_at"])),
        ("scheduled", _when(task["scheduled_at"])),
        *([("deadline", _when(task["deadline"]))] if task.get("deadline") else []),
        ("started", _when(task["started_at"])),
        ("completed", _when(task["completed_at"])),
        *bill(task),
        ("ran", between(task["started_at"], task["completed_at"])),
        ("used", _used(task.get("usage"))),
        ("retries", used),
        ("timeout", duration(task["timeout_seconds"])),
        ("flow", clean(task["flow"] or "")),
        ("group", clean(task["group"] or "")),
        ("tags", clean(", ".join(task["tags"]))),
        *([("part of", task["part_of"])] if task.get("part_of") else []),
        ("depends on", ", ".join(task["depends_on"])),
        ("on failure", task["on_failure"] or ""),
    ]


def level(task: Task) -> str:
    """``priority 5``, or that it has none."""
    return "in the background" if task["background"] else f"priority {task['priority']}"


def _used(usage: dict[str, Any] | None) -> str:
    if not usage:
        return "-"
    return f"{duration(usage['cpu_seconds'])} of processors, {size(usage['peak_memory_bytes'])} at most"


def block(title: str, value: Any) -> list[str]:
    """A value under its title, as JSON; nothing for nothing."""
    if value in (None, {}, []):
        return []
    return [click.style(title, dim=True), *(f"  {line}" for line in as_text(value, indent=2).splitlines())]


def attempts(task: Task) -> list[str]:
    """A line for each run that has ended."""
    if not task.get("attempts"):
        return []
    lines = [
        f"  {clock(each['started_at'])}  {each.get('outcome') or '-':10} after {_ran(each)}"
        + (f"  {clean(each['error'])}" if each.get("error") else "")
        for each in task["attempts"]
    ]
    return [click.style("attempts", dim=True), *lines]


def _ran(attempt: dict[str, Any]) -> str:
    return between(attempt["started_at"], attempt["ended_at"])


def _when(text: str | None) -> str:
    if not text:
        return "-"
    soon = coming(text)
    return f"{clock(text)} ({f'{ago(text)} ago' if soon == 'now' else soon})"
