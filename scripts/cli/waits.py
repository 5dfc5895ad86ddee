"""Why a task waits, in the API's own words; of one that does not wait, how it stands."""

from typing import Any

from scripts.cli.words import ago, clean, clock, coming, duration

Task = dict[str, Any]
Pairs = list[tuple[str, str]]
_PLACES = (("position", "in its line"), ("ahead", "expected to start before it"))
_BASES = {"measured": "from measured durations", "declared": "from the durations that the types declare"}


def explained(task: Task) -> Pairs:
    """What ``waiting`` says, line by line; how a task stands that does not wait."""
    waiting = task["waiting"]
    if not waiting:
        return [("", _standing(task))]
    places = [f"{waiting[name]} {words}" for name, words in _PLACES if waiting[name] is not None]
    until = waiting["until"]
    return [
        ("waits because", clean(f"{waiting['reason']}: {waiting['detail']}")),
        ("after", clean(", ".join(task["waiting_for"]) or task["error"] or "")),
        ("for", ago(task["created_at"])),
        ("until", f"{clock(until)} ({coming(until)})" if until else "-"),
        ("position", ", ".join(places)),
        *_estimated(waiting),
        *(("would help", _help(each)) for each in waiting["would_help"]),
    ]


def quoted(quote: Task) -> Pairs:
    """What a task would come to."""
    work = quote["work_seconds"]
    length = quote["media_seconds"]
    recording = f", of a recording of {duration(length)}" if length else ""
    return [
        ("position", f"{quote['position']} in its line"),
        *_estimated(quote),
        ("takes", f"{duration(work['p10'])} to {duration(work['p90'])}, likely {duration(work['p50'])}{recording}"),
    ]


def bill(task: Task) -> Pairs:
    """What ``waited`` says: the seconds before the start, by cause, the longest first."""
    waited = dict(task.get("waited") or {})
    whole = waited.pop("seconds", None)
    if whole is None:
        return []
    parts = sorted(((s, name) for name, s in waited.items() if isinstance(s, int | float) and s > 0), reverse=True)
    causes = ", ".join(f"{duration(seconds)} {clean(name)}" for seconds, name in parts)
    return [("waited", duration(whole) + (f": {causes}" if causes else ""))]


def _estimated(waiting: Task) -> Pairs:
    estimate = waiting["estimate"]
    if not estimate:
        return [("starts", clean(waiting["no_estimate"] or ""))]
    spans = [(name, estimate[member]) for name, member in (("starts", "start"), ("ends", "finish"))]
    found = [(name, f"{clock(each['p10'])} to {clock(each['p90'])}, likely {coming(each['p50'])}")
             for name, each in spans]  # fmt: skip
    return [*found, ("estimate", _BASES.get(estimate["basis"], clean(estimate["basis"])))]


def _help(each: dict[str, Any]) -> str:
    """A change without a number is one without which nothing starts."""
    saves = each["saves_seconds"]
    return clean(each["change"]) + (f": {duration(saves)} sooner" if saves else ": else it does not start")


def _standing(task: Task) -> str:
    status = task["status"]
    if status == "processing":
        return f"It does not wait: it has been running for {ago(task['started_at'])}."
    if not task["completed_at"]:
        return f"It is {status}."
    return f"It does not wait: it {'' if status == 'failed' else 'was '}{status} at {clock(task['completed_at'])}."
